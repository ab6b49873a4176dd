"""Finds decisions whose outcome was not written: a console was killed, or a broker did not answer."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from streams.contract.events.case_activity import ProposedAnswer, ProposedOutcome
from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.events.moderation_outcome import EscalationSubject, ModerationOutcome
from streams.contract.wire.encoding import encode
from streams.contract.wire.times import DAY
from streams.contract.wire.topics import CLOCK_OUTCOMES, MODERATION_OUTCOMES
from streams.desk.console.casework.follow_ups import clock_outcomes, moderation_outcome
from streams.desk.console.casework.work import CaseSubject, DeskDecision
from streams.desk.console.read_model.acts import CONSOLE_SOURCE
from streams.desk.console.read_model.outcomes import outcomes_of_clock
from streams.desk.console.read_model.statements import SQL
from streams.running.clients.published_event import Event, published_event
from streams.running.wall_clock import clock_ms

# A console that was down for a week still finds what it left. What is older was given up by those who saw the
# alert.
_REPAIRED_MS = 7 * DAY

# How long the console that published a decision has to write what follows from it. It takes a tenth of a
# second.
_OWN_CONSOLE_MS = 3_000


class _Names(msgspec.Struct):
    """What is needed of an escalation's event to know whether it names messages."""

    message_refs: tuple[str, ...]


_NAMES = msgspec.json.Decoder(_Names)
_OUTCOME = msgspec.json.Decoder(DeskDecision[ProposedOutcome])
_ANSWER = msgspec.json.Decoder(DeskDecision[ProposedAnswer])


class ActKey(NamedTuple):
    """An act: the case that it is on, and its id."""

    subject: CaseSubject
    case_id: str
    activity_id: str


def decisions_without_outcome(reader: sqlite3.Connection) -> list[ActKey]:
    """The decisions of the last days that were not followed by an outcome, oldest first.

    Something is missing of those for which `missing_events` has events.
    """
    now = clock_ms()
    values = {"first": now - _REPAIRED_MS, "end": now - _OWN_CONSOLE_MS, "console": CONSOLE_SOURCE}
    rows = reader.execute(SQL["decisions_without_outcome"], values)
    return [ActKey(*row) for row in rows]


def missing_events(reader: sqlite3.Connection, key: ActKey) -> Sequence[Event]:
    """What follows from a decision and was not written yet, the decision's own outcome last.

    Nothing that a worker would refuse is among it.
    """
    row = reader.execute(SQL["decision"], key).fetchone()
    if row is None:
        # An act in another partition, which was read later, came first.
        return []
    decision: DeskDecision[Any] = (_ANSWER if key.subject == "request" else _OUTCOME).decode(row["decision"])
    now = clock_ms()
    return [
        published_event(topic, value, CONSOLE_SOURCE, now)
        for topic, value in _missing(reader, key, decision, row["channel_ref"])
    ]


def _missing(
    reader: sqlite3.Connection, key: ActKey, decision: DeskDecision[Any], channel_ref: str
) -> Iterator[tuple[str, bytes]]:
    for ended in clock_outcomes(decision):
        if _may_be_open(reader, ended) and not was_written(reader, CLOCK_OUTCOMES, ended.outcome_id):
            yield CLOCK_OUTCOMES, encode(ended)
    if key.subject == "escalation":
        outcome = moderation_outcome(decision, channel_ref, key.case_id)
        if _is_about_messages(reader, outcome) and not was_written(
            reader, MODERATION_OUTCOMES, outcome.outcome_id
        ):
            yield MODERATION_OUTCOMES, encode(outcome)


def was_written(
    reader: sqlite3.Connection, topic: Literal["clock-outcomes", "moderation-outcomes"], outcome_id: str
) -> bool:
    """Whether a console has written the outcome with this id."""
    query = SQL["was_outcome_written" if topic == MODERATION_OUTCOMES else "was_clock_outcome_written"]
    return reader.execute(query, (CONSOLE_SOURCE, outcome_id)).fetchone() is not None


def is_being_ended(reader: sqlite3.Connection, outcome: ClockOutcome) -> bool:
    """Whether somebody has ended the clock by another outcome, which a worker may not have applied yet."""
    return any(
        other.outcome in ("fulfilled", "withdrawn")
        and other.outcome_id != outcome.outcome_id
        # A worker refuses an outcome that names another owner.
        and (other.subject, other.key) == (outcome.subject, outcome.key)
        for other in outcomes_of_clock(reader, outcome.clock_id)
    )


def _may_be_open(reader: sqlite3.Connection, outcome: ClockOutcome) -> bool:
    """Whether the clock is open, or not known yet.

    A worker refuses an outcome of a clock that somebody else has ended.
    """
    row = reader.execute(SQL["clock"], (outcome.clock_id,)).fetchone()
    return (row is None or bool(row["is_open"])) and not is_being_ended(reader, outcome)


def _is_about_messages(reader: sqlite3.Connection, outcome: ModerationOutcome) -> bool:
    """Whether an outcome is about messages, so that a worker can apply it.

    An escalation of reports about the channel as a whole names none. Nobody can be credited then, and a
    worker refuses the outcome. One whose events are not known yet may name some.
    """
    if not isinstance(outcome.subject, EscalationSubject):
        return True
    events = reader.execute(SQL["escalation_events"], (outcome.subject.escalation_id,)).fetchall()
    return not events or any(_NAMES.decode(event).message_refs for (event,) in events)
