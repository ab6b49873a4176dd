"""The categories of Tocsin, by their ids and their codes."""

from streams.registry.categories import built_in_categories

CATEGORIES = tuple(built_in_categories())
CODES = {category: row.code for category, row in built_in_categories().items()}
