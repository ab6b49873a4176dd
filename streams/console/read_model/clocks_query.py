"""Lists open legal clocks of reports and requests, the next one due first."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from streams.console.read_model.paging import Page, equal, given_in, page_of, parameters_of, require, restrict
from streams.events.clock_outcome import ClockSubject
from streams.events.report import Category
from streams.wire.times import DAY, HOUR

OpenStatus = Literal["running", "paused", "lapsed"]

DUE_WITHIN: Final = {"1 h": HOUR, "24 h": DAY, "7 d": 7 * DAY}
"""The spans of the filter `due`, in milliseconds; clocks that have lapsed are within each of them."""

_SELECT = """
    SELECT clock.*, coalesce(desk_row.needs_two, request_row.needs_two, 1) AS needs_two FROM clock
    LEFT JOIN desk_row ON clock.subject = 'report' AND desk_row.escalation_id = clock.case_id
    LEFT JOIN request_row ON clock.subject = 'request' AND request_row.request_id = clock.case_id
"""


@dataclass(frozen=True, slots=True)
class ClockFilter:
    """Which open clocks a view shows. None filters nothing. `key` is a channel's ref or a request's id."""

    subject: ClockSubject | None = None
    duty: str | None = None
    status: OpenStatus | None = None
    due: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "ClockFilter":
        """The filter that the parameters of an address say. Raises BadFilter."""
        values = given_in(cls, given)
        require(values, "subject", get_args(ClockSubject))
        require(values, "status", get_args(OpenStatus))
        require(values, "due", list(DUE_WITHIN))
        return cls(**values)  # type: ignore[arg-type]

    def parameters(self) -> dict[str, str]:
        """The parameters of an address that say this filter, without those that filter nothing."""
        return parameters_of(self, ClockFilter())


def clocks_page(
    reader: sqlite3.Connection,
    shown: ClockFilter,
    categories: frozenset[Category],
    now_ms: int,
    after: str | None = None,
) -> Page:
    """A page of the open clocks that a person may see. Raises BadFilter if `after` is not what an earlier page said."""
    where, values = _conditions(shown, categories, now_ms)
    return page_of(reader, _SELECT, where, values, ("clock.due_ms", "clock.clock_id"), after)


def clock_row(reader: sqlite3.Connection, clock_id: str) -> sqlite3.Row | None:
    """One clock, open or not, with whether its case needs two people; None if it is not known."""
    row: sqlite3.Row | None = reader.execute(f"{_SELECT} WHERE clock.clock_id = ?", (clock_id,)).fetchone()
    return row


def duties_with_clocks(reader: sqlite3.Connection, categories: frozenset[Category]) -> Sequence[sqlite3.Row]:
    """The duties of open clocks, each with their number."""
    where, values = _conditions(ClockFilter(), categories, 0)
    return reader.execute(
        f"SELECT obligation, count(*) AS clocks FROM clock WHERE {' AND '.join(where)} GROUP BY obligation ORDER BY obligation",
        values,
    ).fetchall()


def _conditions(
    shown: ClockFilter, categories: frozenset[Category], now_ms: int
) -> tuple[list[str], list[str | int]]:
    where, values = ["clock.is_open = 1"], list[str | int]()
    restrict(where, values, categories, "clock.category")
    columns = {
        "clock.subject": shown.subject,
        "clock.obligation": shown.duty,
        "clock.status": shown.status,
        "clock.key": shown.key,
    }
    equal(where, values, columns)
    if shown.due is not None:
        where.append("clock.due_ms <= ?")
        values.append(now_ms + DUE_WITHIN[shown.due])
    return where, values
