"""Writes authorities' requests, step by step, and their clocks."""

import sqlite3

import msgspec

from streams.console.read_model.changes import Changes
from streams.console.read_model.clocks import put_clock
from streams.events.authority_routing import AuthorityRouting
from streams.wire.records import SourceRecord
from streams.wire.times import moment_ms

_DECODER = msgspec.json.Decoder(AuthorityRouting)


def apply_request_step(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add a step of a request. Raises msgspec.DecodeError if the record holds something else, ValueError if a time is none."""
    step = _DECODER.decode(record.value or b"")
    # The row of the request needs them.
    moment_ms(step.at)
    moment_ms(step.received_at)
    concerned = step.clocks[0].clock_id if step.type != "routed" else ""
    writer.execute(
        "INSERT OR IGNORE INTO request_step VALUES (?, ?, ?, ?)",
        (step.request_id, concerned, step.sequence, record.value),
    )
    for clock in step.clocks:
        put_clock(
            writer,
            clock,
            step.sequence,
            subject="request",
            key=step.request_id,
            case_id=step.request_id,
            message_ref=None,
            category=step.category,
        )
    changes.requests.add(step.request_id)
