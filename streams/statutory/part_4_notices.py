"""Part 4: notices, and what was done after them (Regulation (EU) 2022/2065, art. 15(1)(b))."""

from collections.abc import Iterator, Mapping

from streams.contract.events.report import Category
from streams.contract.events.transparency import NoticeSource
from streams.registry.category import CategoryRules
from streams.statutory.category_rows import fill_categories
from streams.statutory.fill import Cell, FilledRow
from streams.statutory.parts import parts
from streams.statutory.sums import PeriodSums

# Notices, items, median time, actions by law, actions by the terms. The first one ends with a blank in the
# template.
_COLUMNS: dict[NoticeSource, tuple[str, str, str, str, str]] = {
    "any_notice": (
        "Number of notices received ",
        "Number of specific items of information included in the total number of notices",
        "Median time to take action",
        "Number of actions taken on the basis of the law",
        "Number of actions taken on the basis of the terms and conditions of the service",
    ),
    "trusted_flagger_notice": (
        "Number of notices received from Trusted flaggers",
        (
            "Number of specific items of information included in the total number of notices by Trusted "
            "Flaggers (Trusted Flagger notices)"
        ),
        "Median time to take action (Trusted Flagger notices)",
        "Number of actions taken on the basis of the law (Trusted Flagger notices)",
        (
            "Number of actions taken on the basis of the terms and conditions of the service (Trusted "
            "Flagger notices)"
        ),
    ),
}


def fill_notices(sums: PeriodSums, categories: Mapping[Category, CategoryRules]) -> Iterator[FilledRow]:
    """Fill in every category.

    Of a period in which workers of an earlier version followed no messages, only the numbers of notices are
    known; the rest is blank.
    """
    codes = {category: row.template for category, row in categories.items()}
    yield from fill_categories(parts()[3].rows, codes, lambda counted: _values(sums, counted))


def _values(sums: PeriodSums, categories: frozenset[Category]) -> Mapping[str, Cell]:
    values: dict[str, Cell] = {}
    for source, (notices, items, median, by_law, by_terms) in _COLUMNS.items():
        values[notices] = sums.notices(categories, source)
        if sums.follows_messages:
            values[items] = sums.items(categories, source)
            values[median] = sums.hours_to_act(categories, source)
            values[by_law] = sums.actions(categories, source, "law")
            values[by_terms] = sums.actions(categories, source, "terms")
    return values
