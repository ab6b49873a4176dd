"""A report by the templates of Implementing Regulation (EU) 2024/2835: all its files, and what is left to complete."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from streams.registry.rules import Rules
from streams.statutory.fill import FilledRow, write_part
from streams.statutory.part_3_orders import fill_orders
from streams.statutory.part_4_notices import fill_notices
from streams.statutory.part_7_complaints import fill_complaints
from streams.statutory.part_8_automated_means import fill_automated_means
from streams.statutory.part_11_texts import fill_texts
from streams.statutory.parts import parts
from streams.statutory.provider import ProviderRole
from streams.statutory.reporting_period import Period
from streams.statutory.sums import Sums
from streams.statutory.template import VALUE, Part
from streams.statutory.to_complete import ToComplete, what_to_complete


class Report(NamedTuple):
    """The bytes of each file by its name, and what the provider has to add or check."""

    files: dict[str, bytes]
    to_complete: tuple[ToComplete, ...]


def make_report(sums: Sums, rules: Rules, service: str, period: Period, role: ProviderRole) -> Report:
    """Fill in the parts that a provider of this role publishes, as far as the figures are known.

    A cell is 0 where nothing was counted, and blank where the figure is not known or the row is not for this role.
    """
    files = {}
    for part in parts():
        if not any(row.fills(role) for row in part.rows):
            continue
        rows = [
            row if row.row.fills(role) else FilledRow(row.row) for row in _rows(part, sums, rules, period)
        ]
        files[part.file_name] = write_part(part, service, period, rows)
    return Report(files, tuple(what_to_complete(sums, service, role)))


_COUNTED: Mapping[int, Callable[[Sums], Iterable[FilledRow]]] = {
    3: fill_orders,
    4: fill_notices,
    7: fill_complaints,
    8: fill_automated_means,
}


def _rows(part: Part, sums: Sums, rules: Rules, period: Period) -> Iterable[FilledRow]:
    if part.number in _COUNTED:
        return _COUNTED[part.number](sums)
    if part.number == 1:
        return _identification(part, period)
    if part.number == 11:
        return fill_texts(rules)
    return (FilledRow(row) for row in part.rows)


def _identification(part: Part, period: Period) -> Iterator[FilledRow]:
    for row in part.rows:
        day: date | None = None
        if row.label.startswith("Starting"):
            day = period.first
        elif row.label.startswith("Ending"):
            day = period.last
        yield FilledRow(row, {} if day is None else {VALUE: day})
