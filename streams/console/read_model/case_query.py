"""Reads everything that is known about one case."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from streams.console.casework.work import CaseWork
from streams.console.read_model.acts import work_on
from streams.events.case_activity import CaseActivity
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockOutcome
from streams.events.escalation import Escalation
from streams.events.moderation_outcome import ModerationOutcome

_ESCALATION = msgspec.json.Decoder(Escalation)
_ACT = msgspec.json.Decoder(CaseActivity)
_OUTCOME = msgspec.json.Decoder(ModerationOutcome)
_CLOCK = msgspec.json.Decoder(ClockView)
_CLOCK_OUTCOME = msgspec.json.Decoder(ClockOutcome)


@dataclass(frozen=True, slots=True)
class KnownAct:
    """An act, and why it did not count; null if it did."""

    act: CaseActivity
    refused: str | None


@dataclass(frozen=True, slots=True)
class HangingClock:
    """A clock of the case, or of a message that the case names. `is_open`: nobody has said yet what became of it."""

    view: ClockView
    case_id: str
    is_open: bool
    outcomes: tuple[ClockOutcome, ...]


@dataclass(frozen=True, slots=True)
class KnownCase:
    """A case: the events of its escalation in order, the work on it, its clocks, and outcomes about it or its messages."""

    row: sqlite3.Row
    events: tuple[Escalation, ...]
    work: CaseWork
    acts: tuple[KnownAct, ...]
    outcomes: tuple[ModerationOutcome, ...]
    clocks: tuple[HangingClock, ...]

    @property
    def newest(self) -> Escalation:
        """The newest event of the escalation."""
        return self.events[-1]


def known_case(reader: sqlite3.Connection, escalation_id: str) -> KnownCase | None:
    """A case; None if there is no such escalation."""
    row = reader.execute("SELECT * FROM desk_row WHERE escalation_id = ?", (escalation_id,)).fetchone()
    if row is None:
        return None
    events = tuple(
        _ESCALATION.decode(event)
        for (event,) in reader.execute(
            "SELECT event FROM escalation_event WHERE escalation_id = ? ORDER BY sequence", (escalation_id,)
        )
    )
    acts = tuple(
        KnownAct(_ACT.decode(event), refused)
        for event, refused in reader.execute(
            "SELECT event, refused FROM act WHERE subject = 'escalation' AND case_id = ? ORDER BY partition, offset",
            (escalation_id,),
        )
    )
    newest = events[-1]
    return KnownCase(
        row,
        events,
        work_on(reader, escalation_id),
        acts,
        _outcomes(reader, newest),
        tuple(_hanging_clocks(reader, newest)),
    )


def _outcomes(reader: sqlite3.Connection, newest: Escalation) -> tuple[ModerationOutcome, ...]:
    marks = ", ".join("?" * len(newest.message_refs))
    rows = reader.execute(
        f"""
        SELECT event FROM outcome WHERE escalation_id = ? OR (channel_ref = ? AND message_ref IN ({marks}))
        ORDER BY decided_ms, outcome_id
        """,
        (newest.escalation_id, newest.channel_ref, *newest.message_refs),
    )
    return tuple(_OUTCOME.decode(event) for (event,) in rows)


def _hanging_clocks(reader: sqlite3.Connection, newest: Escalation) -> Sequence[HangingClock]:
    messages = newest.message_refs if newest.clock is None else ()
    marks = ", ".join("?" * len(messages))
    rows = reader.execute(
        f"""
        SELECT clock_id, case_id, is_open, view FROM clock
        WHERE case_id = ? OR (subject = 'report' AND key = ? AND message_ref IN ({marks})) ORDER BY due_ms, clock_id
        """,
        (newest.escalation_id, newest.channel_ref, *messages),
    ).fetchall()
    return [
        HangingClock(
            _CLOCK.decode(row["view"]),
            row["case_id"],
            bool(row["is_open"]),
            tuple(
                _CLOCK_OUTCOME.decode(event)
                for (event,) in reader.execute(
                    "SELECT event FROM clock_outcome WHERE clock_id = ? ORDER BY partition, offset",
                    (row["clock_id"],),
                )
            ),
        )
        for row in rows
    ]
