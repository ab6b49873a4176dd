"""Writes escalations, and the legal clocks in them."""

import sqlite3

import msgspec

from streams.console.read_model.changes import Changes
from streams.console.read_model.clocks import put_clock
from streams.events.escalation import Escalation
from streams.wire.records import SourceRecord

_DECODER = msgspec.json.Decoder(Escalation)


def apply_escalation(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an event of a live escalation. After a reset of the state, workers write the same events again.

    Raises msgspec.DecodeError if the record holds something else.
    """
    event = _DECODER.decode(record.value or b"")
    writer.execute(
        "INSERT OR IGNORE INTO escalation_event VALUES (?, ?, ?)",
        (event.escalation_id, event.sequence, record.value),
    )
    _count_for_policy(writer, event)
    changes.cases.add(event.escalation_id)
    if event.clock is not None:
        message = event.message_refs[0] if event.message_refs else None
        put_clock(
            writer,
            event.clock,
            event.sequence,
            subject="report",
            key=event.channel_ref,
            case_id=event.escalation_id,
            message_ref=message,
            category=event.category,
        )
        changes.channels.add(event.channel_ref)


def apply_shadow_escalation(writer: sqlite3.Connection, record: SourceRecord, _changes: Changes) -> None:
    """Count an event of a shadow policy; nobody works on it. Raises msgspec.DecodeError."""
    _count_for_policy(writer, _DECODER.decode(record.value or b""))


def _count_for_policy(writer: sqlite3.Connection, event: Escalation) -> None:
    writer.execute(
        "INSERT OR IGNORE INTO policy_event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.policy,
            event.mode,
            event.escalation_id,
            event.sequence,
            event.at[:10],
            event.type,
            event.level,
            event.channel_ref,
        ),
    )
