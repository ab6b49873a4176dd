"""Reads everything that is known about one case."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from streams.contract.events.case_activity import CaseActivity
from streams.contract.events.clock import ClockView
from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import ModerationOutcome
from streams.contract.events.report import Category
from streams.desk.console.casework.permissions import Person
from streams.desk.console.casework.work import CaseKey, CaseWork
from streams.desk.console.read_model.acts import work_on
from streams.desk.console.read_model.clock_steps import ClockStep, clock_steps
from streams.desk.console.read_model.clocks import CLOCK_SUBJECTS
from streams.desk.console.read_model.escalations import escalation_events
from streams.desk.console.read_model.members import decided_before, members_of, seen
from streams.desk.console.read_model.outcomes import outcomes_of_clock
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL

_ACT = msgspec.json.Decoder(CaseActivity)
_OUTCOME = msgspec.json.Decoder(ModerationOutcome)
_CLOCK = msgspec.json.Decoder(ClockView)

# What was decided before is a hint, with links to it.
_MOST_BEFORE = 10


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
    """A case: its escalation's events in order, its work and clocks, outcomes about it or its messages.

    `others` are the members of the same case that wait with it: who decides it decides these too. Its clocks
    and outcomes are of all of them. `before` are rows of the same case or channel that were decided, the last
    one first.
    """

    row: sqlite3.Row
    events: tuple[Escalation, ...]
    work: CaseWork
    acts: tuple[KnownAct, ...]
    outcomes: tuple[ModerationOutcome, ...]
    clocks: tuple[HangingClock, ...]
    others: tuple["KnownCase", ...] = ()
    before: tuple[sqlite3.Row, ...] = ()

    @property
    def members(self) -> tuple["KnownCase", ...]:
        """This one, and the others that wait with it."""
        return (self, *self.others)

    @property
    def seen(self) -> str:
        """The case and its members with their versions, as forms name what their page showed."""
        return seen([each.row for each in self.members])

    @property
    def needs_two(self) -> bool:
        """Whether the gate of any member asks for two people."""
        return any(each.row["needs_two"] for each in self.members)

    @property
    def category(self) -> Category:
        """The category by which people see the case."""
        return self.newest.category

    @property
    def newest(self) -> Escalation:
        """The newest event of the escalation."""
        return self.events[-1]

    def shown_to(self, person: Person) -> "KnownCase":
        """The case without clocks and decisions of the same messages in categories hidden from a person."""
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


def known_case(reader: sqlite3.Connection, escalation_id: str, person: Person) -> KnownCase | None:
    """The case of an escalation as a person may see it; None if there is none, or they may not.

    An escalation that waits is shown with all others of its case that wait, behind the one on which the case
    is decided. One that does not wait any more is shown by itself.
    """
    row = reader.execute(SQL["desk_row"], (escalation_id,)).fetchone()
    if row is None or not person.sees(row["category"]):
        return None
    members = members_of(reader, row, person.categories)
    first, *others = (_known(reader, each).shown_to(person) for each in members)
    clocks = {each.view.clock_id: each for known in (first, *others) for each in known.clocks}
    outcomes = {each.outcome_id: each for known in (first, *others) for each in known.outcomes}
    before = decided_before(reader, first.row, person.categories, _MOST_BEFORE)
    return replace(
        first,
        clocks=tuple(sorted(clocks.values(), key=lambda each: (each.row["due_ms"], each.view.clock_id))),
        outcomes=tuple(sorted(outcomes.values(), key=lambda each: (each.decided_at, each.outcome_id))),
        others=tuple(others),
        before=tuple(each for each in before if each["escalation_id"] != first.row["escalation_id"]),
    )


def _known(reader: sqlite3.Connection, row: sqlite3.Row) -> KnownCase:
    escalation_id = row["escalation_id"]
    events = escalation_events(reader, escalation_id)
    newest, case = events[-1], CaseKey("escalation", escalation_id)
    # The case of a clock shows that clock alone.
    messages = newest.message_refs if newest.clock is None else ()
    return KnownCase(
        row,
        events,
        work_on(reader, escalation_id),
        acts_on(reader, case),
        _outcomes(reader, newest),
        hanging_clocks(reader, case, newest.channel_ref, messages),
    )


def acts_on(reader: sqlite3.Connection, case: CaseKey) -> tuple[KnownAct, ...]:
    """The acts on a case, in the order of the log."""
    return tuple(
        KnownAct(_ACT.decode(row["event"]), row["refused"]) for row in reader.execute(SQL["acts"], case)
    )


def hanging_clocks(
    reader: sqlite3.Connection, case: CaseKey, channel_ref: str | None = None, messages: Sequence[str] = ()
) -> tuple[HangingClock, ...]:
    """The clocks of a case, and of these messages of a channel, the next one due first."""
    values = {
        "subject": CLOCK_SUBJECTS[case.subject],
        "case": case.id,
        "channel": channel_ref,
        "messages": as_json(messages),
    }
    return tuple(
        HangingClock(
            row,
            _CLOCK.decode(row["view"]),
            tuple(clock_steps(reader, row)),
            tuple(outcomes_of_clock(reader, row["clock_id"])),
        )
        for row in reader.execute(SQL["clocks_of_case"], values).fetchall()
    )


def _outcomes(reader: sqlite3.Connection, newest: Escalation) -> tuple[ModerationOutcome, ...]:
    values = {
        "case": newest.escalation_id,
        "channel": newest.channel_ref,
        "messages": as_json(newest.message_refs),
    }
    return tuple(_OUTCOME.decode(event) for (event,) in reader.execute(SQL["outcomes_of_case"], values))
