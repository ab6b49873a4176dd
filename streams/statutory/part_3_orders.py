"""Part 3: orders of Member States (Regulation (EU) 2022/2065, art. 15(1)(a))."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from streams.contract.events.report import Category
from streams.registry.category import NOT_SPECIFIED_NOTICE, CategoryRules, TemplateRow
from streams.statutory.category_rows import fill_categories
from streams.statutory.fill import Cell, FilledRow
from streams.statutory.parts import parts
from streams.statutory.sums import OrderAim, PeriodSums
from streams.statutory.template import NOT_SPECIFIED_ORDER

_COLUMNS: dict[OrderAim, tuple[str, str, str]] = {
    "act": (
        "Number of orders to act against illegal content received",
        "Median time to inform the authority of the receipt of the order to act against illegal content",
        "Median time to give effect to the order to act against illegal content",
    ),
    "information": (
        "Number of orders to provide information",
        "Median time to inform the authority of the receipt of the order to provide information",
        "Median time to give effect to the order to provide information",
    ),
}
_ITEMS = (
    "Number of specific items of information included in the total number of orders to act against "
    "illegal content"
)


def fill_orders(sums: PeriodSums, categories: Mapping[Category, CategoryRules]) -> Iterator[FilledRow]:
    """Fill in the total, and a block for each Member State that issued an order, by its code."""
    part = parts()[2]
    codes = {category: _of_order(row.template) for category, row in categories.items()}
    states = sorted(sums.states)
    yield from fill_categories(part.rows, codes, lambda categories: _values(sums, states, categories))
    for state in states:
        yield from fill_categories(
            part.state_rows(state),
            codes,
            lambda categories, state=state: _values(sums, [state], categories),  # type: ignore[misc]
        )


def _of_order(row: TemplateRow) -> TemplateRow:
    return replace(row, category=NOT_SPECIFIED_ORDER) if row.category == NOT_SPECIFIED_NOTICE else row


def _values(sums: PeriodSums, states: list[str], categories: frozenset[Category]) -> Mapping[str, Cell]:
    values: dict[str, Cell] = {_ITEMS: sums.order_items(states, categories)}
    for aim, (number, inform, effect) in _COLUMNS.items():
        values[number] = sums.orders(states, categories, aim)
        values[inform] = sums.hours_of_order(states, categories, aim, "informed")
        values[effect] = sums.hours_of_order(states, categories, aim, "effected")
    return values
