"""Lists open legal clocks of reports and requests, the next one due first."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.report import Category
from streams.contract.wire.times import DAY, HOUR
from streams.desk.console.read_model.paging import ListFilter, Page, conditions, page_of
from streams.desk.console.read_model.statements import sql_if

OpenStatus = Literal["running", "paused", "lapsed"]

DueWithin = Literal["1 h", "24 h", "7 d"]

DUE_WITHIN: Final[Mapping[DueWithin, int]] = {"1 h": HOUR, "24 h": DAY, "7 d": 7 * DAY}
"""The spans of the filter `due`, in milliseconds; clocks that have lapsed are within each of them."""


@dataclass(frozen=True)
class ClockFilter(ListFilter):
    """Which open clocks a view shows. None filters nothing. `key` is a channel's ref or a request's id."""

    subject: ClockSubject | None = None
    duty: str | None = None
    status: OpenStatus | None = None
    due: DueWithin | None = None
    key: str | None = None


def clocks_page(
    reader: sqlite3.Connection,
    shown: ClockFilter,
    categories: frozenset[Category],
    now_ms: int,
    after: str | None = None,
) -> Page:
    """A page of the open clocks that a person may see.

    Raises BadFilter if `after` is not what an earlier page said.
    """
    due_until = None if shown.due is None else now_ms + DUE_WITHIN[shown.due]
    return page_of(reader, "clocks", shown, ("due_ms", "clock_id"), after, categories, due_until=due_until)


def clock_row(reader: sqlite3.Connection, clock_id: str) -> sqlite3.Row | None:
    """One clock, open or not, with whether its case needs two people; None if it is not known."""
    row: sqlite3.Row | None = reader.execute(
        sql_if("clocks", {"clock_id"}), {"clock_id": clock_id}
    ).fetchone()
    return row


def duties_with_clocks(reader: sqlite3.Connection, categories: frozenset[Category]) -> Sequence[sqlite3.Row]:
    """The duties of open clocks, each with their number."""
    given, values = conditions(ClockFilter(), categories)
    return reader.execute(sql_if("duties_with_clocks", given), values).fetchall()
