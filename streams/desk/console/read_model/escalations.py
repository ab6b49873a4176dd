"""Writes escalations, and the legal clocks in them."""

import sqlite3

import msgspec

from streams.contract.events.escalation import Escalation
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import moment_ms
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.clocks import put_clock
from streams.desk.console.read_model.statements import SQL

_DECODER = msgspec.json.Decoder(Escalation)

# SQLite's integers have 64 bits.
_MOST = 1 << 63


def apply_escalation(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an event of a live escalation. After a reset of the state, workers write the same events again.

    Raises msgspec.DecodeError if the record holds something else, ValueError if it has a time that is none or
    a number too large.
    """
    event = _DECODER.decode(record.value or b"")
    changes.require_known(event.category, note=True)
    _require_storable(event)
    writer.execute(SQL["put_escalation_event"], (event.escalation_id, event.sequence, record.value))
    _count_for_policy(writer, event)
    writer.execute(
        SQL["put_partition_rules"], (record.partition, event.at, event.policy_version, event.registry_version)
    )
    changes.escalations.add(event.escalation_id)
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


def escalation_events(connection: sqlite3.Connection, escalation_id: str) -> tuple[Escalation, ...]:
    """The events of a live escalation in their order; none if it is not known."""
    rows = connection.execute(SQL["escalation_events"], (escalation_id,))
    return tuple(_DECODER.decode(event) for (event,) in rows)


def _require_storable(event: Escalation) -> None:
    """Raise ValueError unless the desk's row can be made of an event.

    Only workers write them, but a row must never fail later.
    """
    moment_ms(event.at)
    moment_ms(event.window.start)
    priority = 0 if event.priority is msgspec.UNSET else event.priority.value
    numbers = (event.sequence, event.level, priority, event.counts.reports, event.counts.distinct_reporters)
    if not all(abs(number) < _MOST for number in numbers):
        raise ValueError("a number has more than 63 bits")


def _count_for_policy(writer: sqlite3.Connection, event: Escalation) -> None:
    writer.execute(
        SQL["put_policy_event"],
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
