"""The type of an option that names a category: one of Tocsin's, or of the deployment's own."""

from typing import Any

import click
from click.shell_completion import CompletionItem

from streams.registry.categories import load_categories
from streams.running.worker.settings import load_settings


class CategoryType(click.ParamType):
    """A category of the file that the settings choose, which is read when the option is given."""

    name = "category"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the category. Raises BadParameter if there is none of that name."""
        known = load_categories(load_settings().categories_file)
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, known))}.", param, ctx)
        return str(value)

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The categories that begin like what is typed."""
        known = load_categories(load_settings().categories_file)
        return [CompletionItem(category) for category in known if category.startswith(incomplete)]


CATEGORY = CategoryType()
