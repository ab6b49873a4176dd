"""A report by the templates of Implementing Regulation (EU) 2024/2835: its files, and what is missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from streams.registry.reading.errors import RegistryError
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
from streams.statutory.sums import PeriodSums
from streams.statutory.template import VALUE, Part
from streams.statutory.to_complete import ToComplete, what_to_complete


class Report(NamedTuple):
    """The bytes of each file by its name, and what the provider has to add or check."""

    files: dict[str, bytes]
    to_complete: tuple[ToComplete, ...]


def make_report(sums: PeriodSums, rules: Rules, service: str, period: Period, role: ProviderRole) -> Report:
    """Fill in the parts that a provider of this role publishes, as far as the figures are known.

    A cell is 0 where nothing was counted, and blank where the figure is not known or the row is not for this
    role. Raises RegistryError if something was counted of a category that the rules no longer have, or whose
    row the templates lack.
    """
    if gone := sorted(sums.categories - rules.categories.keys()):
        raise RegistryError(f"categories: has no row for {', '.join(gone)}, of which something was counted")
    files = {}
    for part in parts():
        if not any(row.fills(role) for row in part.rows):
            continue
        rows = [
            row if row.row.fills(role) else FilledRow(row.row) for row in _rows(part, sums, rules, period)
        ]
        files[part.file_name] = write_part(part, service, period, rows)
    return Report(files, tuple(what_to_complete(sums, service, role)))


def _rows(part: Part, sums: PeriodSums, rules: Rules, period: Period) -> Iterable[FilledRow]:
    filled: Mapping[int, Callable[[], Iterable[FilledRow]]] = {
        1: lambda: _identification(part, period),
        3: lambda: fill_orders(sums, rules.categories),
        4: lambda: fill_notices(sums, rules.categories),
        7: lambda: fill_complaints(sums),
        8: lambda: fill_automated_means(sums),
        11: lambda: fill_texts(rules),
    }
    return filled[part.number]() if part.number in filled else (FilledRow(row) for row in part.rows)


def _identification(part: Part, period: Period) -> Iterator[FilledRow]:
    for row in part.rows:
        day: date | None = None
        if row.label.startswith("Starting"):
            day = period.first
        elif row.label.startswith("Ending"):
            day = period.last
        yield FilledRow(row, {} if day is None else {VALUE: day})
