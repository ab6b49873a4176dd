"""Writes outcomes, whoever published them: this console, another one, or another system."""

import sqlite3

from streams.console.read_model.changes import Changes
from streams.events.moderation_outcome import EscalationSubject, MessageSubject
from streams.wire.encoding import encode
from streams.wire.moderation_outcome_decoding import decode_moderation_outcome
from streams.wire.records import SourceRecord


def apply_moderation_outcome(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an outcome. Raises Rejected if a worker would refuse it."""
    decoded = decode_moderation_outcome(record.value, record.headers, record.timestamp)
    outcome = decoded.event
    changes.require_known(outcome.category)
    subject = outcome.subject
    escalation_id = subject.escalation_id if isinstance(subject, EscalationSubject) else None
    # If the one that was read first turns out to be the second one, the case that it named was not decided by it.
    replaced = writer.execute(
        "SELECT escalation_id FROM outcome WHERE ce_source = ? AND outcome_id = ?",
        (decoded.ce_source, outcome.outcome_id),
    ).fetchone()
    if replaced is not None and replaced[0] is not None:
        changes.cases.add(replaced[0])
    writer.execute(
        """
        INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (ce_source, outcome_id) DO UPDATE SET
            partition = excluded.partition, offset = excluded.offset, channel_ref = excluded.channel_ref,
            escalation_id = excluded.escalation_id, message_ref = excluded.message_ref,
            decided_ms = excluded.decided_ms, event = excluded.event
        WHERE (excluded.partition, excluded.offset) < (outcome.partition, outcome.offset)
        """,
        (
            decoded.ce_source,
            outcome.outcome_id,
            record.partition,
            record.offset,
            subject.channel_ref,
            escalation_id,
            subject.message_ref if isinstance(subject, MessageSubject) else None,
            decoded.time_ms,
            encode(outcome),
        ),
    )
    if isinstance(subject, EscalationSubject):
        changes.cases.add(subject.escalation_id)
    elif isinstance(subject, MessageSubject):
        # Pages of the message's clocks show the outcome too.
        changes.cases.update(
            case_id
            for (case_id,) in writer.execute(
                "SELECT case_id FROM clock WHERE subject = 'report' AND key = ? AND message_ref = ?",
                (subject.channel_ref, subject.message_ref),
            )
        )
    changes.channels.add(subject.channel_ref)
