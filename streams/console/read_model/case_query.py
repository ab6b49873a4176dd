"""Reads everything that is known about one case."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from streams.console.casework.permissions import Person
from streams.console.casework.work import CaseKey, CaseWork
from streams.console.read_model.acts import work_on
from streams.console.read_model.clock_steps import ClockStep, clock_steps
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
    """A clock of the case, or of a message that the case names, with its steps and what people said of it."""

    row: sqlite3.Row
    view: ClockView
    steps: tuple[ClockStep, ...]
    outcomes: tuple[ClockOutcome, ...]

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to say what became of the duty."""
        return bool(self.row["is_open"])


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

    def shown_to(self, person: Person) -> "KnownCase":
        """The case without clocks of the same messages, and what was decided about them, in categories that a person may not see."""
        return replace(
            self,
            outcomes=tuple(
                each
                for each in self.outcomes
                if person.sees(each.category)
                or getattr(each.subject, "escalation_id", None) == self.newest.escalation_id
            ),
            clocks=tuple(each for each in self.clocks if person.sees(each.row["category"])),
        )


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
    newest = events[-1]
    return KnownCase(
        row,
        events,
        work_on(reader, escalation_id),
        acts_on(reader, CaseKey("escalation", escalation_id)),
        _outcomes(reader, newest),
        _clocks_of(reader, newest),
    )


def acts_on(reader: sqlite3.Connection, case: CaseKey) -> tuple[KnownAct, ...]:
    """The acts on a case, in the order of the log."""
    rows = reader.execute(
        "SELECT event, refused FROM act WHERE subject = ? AND case_id = ? ORDER BY order_ms, partition, offset",
        case,
    )
    return tuple(KnownAct(_ACT.decode(event), refused) for event, refused in rows)


def hanging_clocks(
    reader: sqlite3.Connection, condition: str, values: Sequence[str]
) -> tuple[HangingClock, ...]:
    """The clocks for which a condition on their columns holds, the next one due first."""
    rows = reader.execute(f"SELECT * FROM clock WHERE {condition} ORDER BY due_ms, clock_id", values)
    return tuple(
        HangingClock(
            row,
            _CLOCK.decode(row["view"]),
            tuple(clock_steps(reader, row)),
            _outcomes_of_clock(reader, row["clock_id"]),
        )
        for row in rows.fetchall()
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


def _clocks_of(reader: sqlite3.Connection, newest: Escalation) -> tuple[HangingClock, ...]:
    messages = newest.message_refs if newest.clock is None else ()
    marks = ", ".join("?" * len(messages))
    return hanging_clocks(
        reader,
        f"case_id = ? OR (subject = 'report' AND key = ? AND message_ref IN ({marks}))",
        (newest.escalation_id, newest.channel_ref, *messages),
    )


def _outcomes_of_clock(reader: sqlite3.Connection, clock_id: str) -> tuple[ClockOutcome, ...]:
    rows = reader.execute(
        "SELECT event FROM clock_outcome WHERE clock_id = ? ORDER BY partition, offset", (clock_id,)
    )
    return tuple(_CLOCK_OUTCOME.decode(event) for (event,) in rows)
