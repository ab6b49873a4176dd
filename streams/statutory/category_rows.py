"""Which of Tocsin's categories each row of parts 3 and 4 adds up."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from streams.events.report import CATEGORIES, Category
from streams.statutory.category_codes import CategoryCode
from streams.statutory.fill import Cell, FilledRow
from streams.statutory.template import OTHER, TOTAL, Row

Values = Callable[[frozenset[Category]], Mapping[str, Cell]]


def fill_categories(
    rows: Iterable[Row], code_of: Callable[[Category], CategoryCode], values: Values
) -> Iterator[FilledRow]:
    """Fill rows in with the `values` of their categories.

    KEYWORD_OTHER is repeated for each description that a category has in it; where none has one, the row stays without.
    """
    codes = {category: code_of(category) for category in CATEGORIES}
    for row in rows:
        if row.label != OTHER:
            fitting = (category for category, code in codes.items() if _covers(row, code))
            yield FilledRow(row, values(frozenset(fitting)))
            continue
        descriptions: dict[str, set[Category]] = {}
        for category, code in codes.items():
            if code.category == row.category and code.keyword == OTHER:
                descriptions.setdefault(code.description or "", set()).add(category)
        for description, described in (descriptions or {"": set()}).items():
            yield FilledRow(row, values(frozenset(described)), description)


def _covers(row: Row, code: CategoryCode) -> bool:
    if row.is_high_level:
        return row.label in (TOTAL, code.category)
    return (row.category, row.label) == (code.category, code.keyword)
