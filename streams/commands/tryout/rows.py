"""Reads a file of somebody's own reports: CSV, or a JSON object per line, as it is or by a mapping file."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from streams.contract.events.report import MessageReport
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.reading import Decoded, ReadEvent
from streams.intake.refs import with_pseudonyms

# An export has no secret to keep on the machine where it lies; ids become pseudonyms because refs may have
# no spaces and name nobody.
_KEY: Final = b"tocsin try"

# What most exports leave out: for each the weakest claim.
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "channel": {"visibility": "unknown"},
    "reporter": {"kind": "user"},
}

# Of a cell; the csv module has no limit that a worker would not have.
_MOST_CELL: Final = 64 * 1024


class Row(NamedTuple):
    """A line of the file that is a report: its number, its time in ms since the epoch, its value."""

    line: int
    time_ms: int
    value: bytes


class Unusable(NamedTuple):
    """A line that is none, and why; nothing of it is quoted."""

    line: int
    why: str


@dataclass(slots=True)
class OwnReports:
    """The usable rows in the order of their time, the others, and the ids by the refs made of them."""

    rows: list[Row]
    unusable: list[Unusable]
    ids: dict[str, str]


def read_own_reports(
    file: BinaryIO,
    *,
    is_csv: bool,
    read: ReadEvent[MessageReport],
    mapped: Callable[[Any], list[dict[str, Any]]] | None,
    now_ms: int,
) -> OwnReports:
    """Read all of a file; `mapped` makes reports of a line's document and raises ValueError if it cannot.

    Without `mapped`, columns and fields are those of a report (docs/events.md), `channel.ref` for a field of
    a field.
    """
    found = OwnReports([], [], {})
    for line, document in _csv_rows(file) if is_csv else _json_lines(file):
        try:
            for report in [_report(document)] if mapped is None else mapped(document):
                value = orjson.dumps(_with_refs(report, found.ids))
                decoded: Decoded[MessageReport] = read(value, (), now_ms)
                found.rows.append(Row(line, decoded.time_ms, encode(decoded.event)))
        except Rejected as rejected:
            found.unusable.append(Unusable(line, f"{rejected.field}: {rejected.detail}"))
        except ValueError as error:
            found.unusable.append(Unusable(line, str(error)))
    # As they would have arrived: an export is often the other way round.
    found.rows.sort(key=lambda row: (row.time_ms, row.line))
    return found


def _csv_rows(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(_MOST_CELL)
    reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline=""))
    for row in reader:
        # An empty cell is a field that is not there; None is what a row has beyond its header.
        yield reader.line_num, {name: _cell(name, cell) for name, cell in row.items() if name and cell}


def _cell(name: str, text: str) -> Any:
    """What a cell says: everything is a text in CSV, but two fields of a report are none."""
    if name == "reporter.member":
        return {"true": True, "false": False}.get(text.lower(), text)
    if name == "classifier.score":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _json_lines(file: BinaryIO) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(file, start=1):
        if text.strip():
            try:
                yield line, orjson.loads(text)
            except orjson.JSONDecodeError:
                yield line, None


def _report(document: Any) -> dict[str, Any]:
    """The report in a document whose names may have dots. Raises ValueError for what is no object."""
    if not isinstance(document, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - as any wrong value
    report: dict[str, Any] = {"kind": "user_report"}
    for name, value in document.items():
        # Short for the ref, which is all that many exports know of either.
        is_ref = name in _DEFAULTS and isinstance(value, str)
        above, _, own = (f"{name}.ref" if is_ref else name).partition(".")
        if not own:
            report[name] = value
        elif isinstance(part := report.setdefault(above, {}), dict):
            part[own] = value
        else:
            raise ValueError(f"{above}: has both a value and fields of its own")
    for name, defaults in _DEFAULTS.items():
        if isinstance(part := report.get(name), dict):
            report[name] = {**defaults, **part}
    return report


def _with_refs(report: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The report with pseudonyms, whose ids are noted: who tries it knows channels by their ids."""
    made = with_pseudonyms(report, _KEY, "")
    channel = report.get("channel")
    if isinstance(channel, dict) and isinstance(channel.get("ref"), str):
        ids[made["channel"]["ref"]] = channel["ref"]
    return made
