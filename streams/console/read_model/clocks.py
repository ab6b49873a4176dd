"""Writes legal clocks, and the outcomes that people gave them."""

import sqlite3
from typing import Final, NamedTuple

from streams.console.read_model.changes import Changes
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockSubject
from streams.events.report import Category
from streams.wire.encoding import encode
from streams.wire.outcome_decoding import decode_clock_outcome
from streams.wire.records import SourceRecord
from streams.wire.times import moment_ms

# A lapsed clock still waits for somebody to say what became of the duty.
_OPEN = frozenset({"running", "paused", "lapsed"})

NO_CLOCK: Final = 1 << 62
"""Later than any clock: cases without a running clock come after those with one."""


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
        """
        INSERT INTO clock VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (clock_id) DO UPDATE SET
            sequence = excluded.sequence, status = excluded.status, is_open = excluded.is_open,
            due_ms = excluded.due_ms, view = excluded.view
        WHERE excluded.sequence > clock.sequence
        """,
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


def apply_clock_outcome(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add an outcome of a clock, whoever published it. Raises Rejected if a worker would refuse it."""
    decoded = decode_clock_outcome(record.value, record.headers, record.timestamp)
    outcome = decoded.event
    writer.execute(
        """
        INSERT INTO clock_outcome VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (ce_source, outcome_id) DO UPDATE SET
            partition = excluded.partition, offset = excluded.offset, clock_id = excluded.clock_id,
            at_ms = excluded.at_ms, event = excluded.event
        WHERE (excluded.partition, excluded.offset) < (clock_outcome.partition, clock_outcome.offset)
        """,
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
        changes.cases.update(
            case_id
            for (case_id,) in writer.execute(
                "SELECT case_id FROM clock WHERE clock_id = ?", (outcome.clock_id,)
            )
        )
        changes.channels.add(outcome.key)
    else:
        changes.requests.add(outcome.key)
