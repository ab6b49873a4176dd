"""What a trial takes of a file of somebody's own reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from streams.commands.shared.report_rows import ReportRow, Unusable, as_json
from streams.contract.events.report import Category, MessageReport
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.reading import Decoded, ReadEvent
from streams.intake.refs import with_pseudonyms

# An export has no secret to keep on the machine where it lies; ids become pseudonyms because refs may have
# no spaces and name nobody.
_KEY: Final = b"tocsin try"


class Row(NamedTuple):
    """A line of the file that is a report: its number, its time in ms since the epoch, its value."""

    line: int
    time_ms: int
    value: bytes


@dataclass(slots=True)
class OwnReports:
    """The usable rows in the order of their time, the others, and the ids by the refs made of them.

    `categories` are those of the usable rows.
    """

    rows: list[Row]
    unusable: list[Unusable]
    ids: dict[str, str]
    categories: set[Category]


def read_own_reports(
    rows: Iterable[ReportRow | Unusable], *, read: ReadEvent[MessageReport], now_ms: int
) -> OwnReports:
    """Read all rows of a file; `now_ms` is when they are read."""
    found = OwnReports([], [], {}, set())
    for row in rows:
        if isinstance(row, Unusable):
            found.unusable.append(row)
            continue
        try:
            value = as_json(_with_refs(row.report, found.ids))
            decoded: Decoded[MessageReport] = read(value, (), now_ms)
        except Rejected as rejected:
            found.unusable.append(Unusable(row.line, f"{rejected.field}: {rejected.detail}"))
        except ValueError as error:
            found.unusable.append(Unusable(row.line, str(error)))
        else:
            found.categories.add(decoded.event.category)
            found.rows.append(Row(row.line, decoded.time_ms, encode(decoded.event)))
    # As they would have arrived: an export is often the other way round.
    found.rows.sort(key=lambda row: (row.time_ms, row.line))
    return found


def _with_refs(report: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The report with pseudonyms, whose ids are noted: who tries it knows channels by their ids."""
    made = with_pseudonyms(report, _KEY, "")
    channel = report.get("channel")
    if isinstance(channel, dict) and isinstance(channel.get("ref"), str):
        ids[made["channel"]["ref"]] = channel["ref"]
    return made
