"""Writes outcomes of cases and of clocks of any publisher: a console, or another system."""

import sqlite3
from collections.abc import Iterator

import msgspec

from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.events.moderation_outcome import EscalationSubject, MessageSubject
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.moderation_outcome_decoding import decode_moderation_outcome
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.records import SourceRecord
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.statements import SQL

_CLOCK_OUTCOME = msgspec.json.Decoder(ClockOutcome)


def apply_moderation_outcome(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an outcome. Raises Rejected if a worker would refuse it."""
    decoded = decode_moderation_outcome(record.value, record.headers, record.timestamp)
    outcome = decoded.event
    changes.require_known(outcome.category)
    subject = outcome.subject
    escalation_id = subject.escalation_id if isinstance(subject, EscalationSubject) else None
    message_ref = None
    # One of a case that was made for a test is no decision about the message.
    if isinstance(subject, MessageSubject) and outcome.known_answer is None:
        message_ref = subject.message_ref
    # If the one that was read first turns out to be the second one, the case that it named was not decided by
    # it.
    place = (decoded.ce_source, outcome.outcome_id)
    replaced = writer.execute(SQL["escalation_of_outcome"], place).fetchone()
    if replaced is not None and replaced[0] is not None:
        changes.escalations.add(replaced[0])
    writer.execute(
        SQL["put_outcome"],
        (
            *place,
            record.partition,
            record.offset,
            subject.channel_ref,
            escalation_id,
            message_ref,
            decoded.time_ms,
            encode(outcome),
        ),
    )
    if escalation_id is not None:
        changes.escalations.add(escalation_id)
    elif message_ref is not None:
        # Pages of the message's clocks show the outcome too.
        changes.escalations.update(
            case_id
            for (case_id,) in writer.execute(SQL["cases_of_message"], (subject.channel_ref, message_ref))
        )
    changes.channels.add(subject.channel_ref)


def apply_clock_outcome(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an outcome of a clock, of any publisher. Raises Rejected if a worker would refuse it."""
    decoded = decode_clock_outcome(record.value, record.headers, record.timestamp)
    outcome = decoded.event
    writer.execute(
        SQL["put_clock_outcome"],
        (
            decoded.ce_source,
            outcome.outcome_id,
            record.partition,
            record.offset,
            outcome.clock_id,
            decoded.time_ms,
            encode(outcome),
        ),
    )
    if outcome.subject == "report":
        cases = writer.execute(SQL["cases_of_clock"], (outcome.clock_id,))
        changes.escalations.update(case_id for (case_id,) in cases)
        changes.channels.add(outcome.key)
    else:
        changes.requests.add(outcome.key)


def outcomes_of_clock(reader: sqlite3.Connection, clock_id: str) -> Iterator[ClockOutcome]:
    """What people said of a clock, in the order of the log."""
    for (event,) in reader.execute(SQL["outcomes_of_clock"], (clock_id,)):
        yield _CLOCK_OUTCOME.decode(event)
