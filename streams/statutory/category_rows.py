"""Which of Tocsin's categories each row of parts 3 and 4 adds up."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from streams.contract.events.report import Category
from streams.registry.category import TemplateRow
from streams.registry.reading.errors import RegistryError
from streams.statutory.fill import Cell, FilledRow
from streams.statutory.template import OTHER, TOTAL, Row

Values = Callable[[frozenset[Category]], Mapping[str, Cell]]


def fill_categories(
    rows: Iterable[Row], codes: Mapping[Category, TemplateRow], values: Values
) -> Iterator[FilledRow]:
    """Fill rows in with the `values` of their categories.

    KEYWORD_OTHER is repeated for each description that a category has in it; where none has one, the row
    stays without. Raises RegistryError for a category whose row the template does not have.
    """
    rows = tuple(rows)
    for category, code in codes.items():
        keywords = [row.label for row in rows if row.category == code.category and not row.is_high_level]
        if code.keyword is not None and code.keyword not in keywords:
            raise RegistryError(
                f"categories.{category}.template.keyword: {code.keyword} is not in {code.category} of the "
                f"templates; valid: {', '.join(keywords)}"
            )
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


def _covers(row: Row, code: TemplateRow) -> bool:
    if row.is_high_level:
        return row.label in (TOTAL, code.category)
    return (row.category, row.label) == (code.category, code.keyword)
