"""Writes legal clocks, and finds the one of a case that is due first."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from streams.contract.events.clock import ClockView
from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.report import Category
from streams.contract.wire.encoding import encode
from streams.contract.wire.times import moment_ms
from streams.desk.console.casework.work import CaseKey, CaseSubject
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL

# A lapsed clock still waits for somebody to say what became of the duty.
_OPEN = frozenset({"running", "paused", "lapsed"})

NO_CLOCK: Final = 1 << 62
"""Later than any clock: cases without a running clock come after those with one."""

CLOCK_SUBJECTS: Final[Mapping[CaseSubject, ClockSubject]] = {"escalation": "report", "request": "request"}
"""How clocks call what a case is about."""


class NearestClock(NamedTuple):
    """The open clock of a case that is due first."""

    due_ms: int
    obligation: str


def put_clock(
    writer: sqlite3.Connection,
    view: ClockView,
    sequence: int,
    *,
    subject: ClockSubject,
    key: str,
    case_id: str,
    message_ref: str | None,
    category: Category | None,
) -> None:
    """Keep a clock's state unless a later one is known."""
    writer.execute(
        SQL["put_clock"],
        (
            view.clock_id,
            sequence,
            subject,
            key,
            case_id,
            message_ref,
            category,
            view.obligation,
            view.status,
            view.status in _OPEN,
            moment_ms(view.due_at),
            encode(view),
        ),
    )


def clock_columns(clock: NearestClock | None) -> dict[str, int | str | None]:
    """What the rows of cases and of requests say of the nearest clock."""
    if clock is None:
        return {"due_ms": None, "duty": None, "order_due": NO_CLOCK}
    return {"due_ms": clock.due_ms, "duty": clock.obligation, "order_due": clock.due_ms}


def nearest_clock(connection: sqlite3.Connection, case: CaseKey) -> NearestClock | None:
    """The open clock of a case itself that is due first."""
    row = connection.execute(SQL["nearest_clock_of_case"], (CLOCK_SUBJECTS[case.subject], case.id)).fetchone()
    return None if row is None else NearestClock(*row)


def nearest_clock_of_messages(
    connection: sqlite3.Connection, channel_ref: str, messages: Sequence[str]
) -> NearestClock | None:
    """The open clock of one of these messages that is due first."""
    values = (channel_ref, as_json(messages))
    row = connection.execute(SQL["nearest_clock_of_messages"], values).fetchone()
    return None if row is None else NearestClock(*row)
