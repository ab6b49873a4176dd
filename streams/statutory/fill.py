"""Writes a filled-in part of the report, in the template's bytes: UTF-8 without BOM, LF, RFC 4180."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from streams.statutory.reporting_period import Period
from streams.statutory.template import FIGURES, OTHER, CellKind, Part, Row

Cell = int | float | str | date | None
"""A figure, a date or a text; None leaves the cell blank: the row cannot apply to the service."""


class FilledRow(msgspec.Struct, frozen=True):
    """A row of the template with what the provider reports in it.

    `values` are by name of the column, exactly as in the header. `description` names the sub-category of a
    KEYWORD_OTHER row.
    """

    row: Row
    values: Mapping[str, Cell] = {}
    description: str = ""


class WrongCell(ValueError):
    """A value does not fit its column; the message names the row and the column."""


def write_part(part: Part, service: str, period: Period | None, rows: Iterable[FilledRow]) -> bytes:
    """Write one part of the report.

    Hours are written with at most two decimals, shares with at most four. `period` may be None for part 1,
    which has no such column. Raises WrongCell if a value does not fit.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(part.columns)
    for row in rows:
        writer.writerow(_cells(part, service, period, row))
    return text.getvalue().encode()


def _cells(part: Part, service: str, period: Period | None, filled: FilledRow) -> Iterator[str]:
    if unknown := [name for name in filled.values if name not in part.columns]:
        raise WrongCell(f"{part.name} has no column {', '.join(map(repr, unknown))}")
    for number, (name, text) in enumerate(zip(part.columns, filled.row.cells, strict=True)):
        kind = part.kind(filled.row, number)
        if kind is CellKind.SERVICE:
            yield service
        elif kind is CellKind.PERIOD:
            yield "" if period is None else str(period)
        elif kind is CellKind.DESCRIPTION:
            yield filled.description if filled.row.label == OTHER else ""
        elif kind is CellKind.FIXED:
            yield text
        else:
            try:
                yield cell_text(kind, filled.values.get(name))
            except ValueError as error:
                raise WrongCell(f"{part.name}, {filled.row.label}, {name.strip()}: {error}") from error


def cell_text(kind: CellKind, value: Cell) -> str:
    """Give the text of a value in a cell of this kind. Raises ValueError if it does not fit."""
    if value is None:
        return ""
    if isinstance(value, str | date):
        if kind in FIGURES or (kind is CellKind.DATE and isinstance(value, str)):
            raise ValueError(f"must be {kind.value}, not {value!r}")
        return str(value)
    if kind not in FIGURES:
        raise ValueError(f"must be {kind.value}, not {value!r}")
    if not math.isfinite(value) or value < 0 or (kind is CellKind.SHARE and value > 1):
        raise ValueError(f"must be {kind.value}, not {value!r}")
    if kind is CellKind.COUNT:
        if value != int(value):
            raise ValueError(f"must be {kind.value}, not {value!r}")
        return str(int(value))
    return f"{value:.{_DECIMALS[kind]}f}".rstrip("0").rstrip(".")


# A hundredth of an hour is 36 seconds: finer than the times in which people take action.
_DECIMALS = {CellKind.HOURS: 2, CellKind.SHARE: 4, CellKind.FULL_TIME: 2}
