"""Deletes what topics do not keep any more, so that the file does not grow for ever."""

import sqlite3
from typing import Final

from streams.wire.envelope import rfc3339
from streams.wire.times import DAY

_KEPT_MS: Final = 365 * DAY
"""How long the topics of escalations, requests, acts and outcomes keep their records."""

# How long integrity-cases keeps its records.
_INTEGRITY_MS: Final = 90 * DAY

# The row of a case, its events, and how clocks call it: table, table, column of the id, subject of acts, subject of clocks.
_CASES: Final = (
    ("desk_row", "escalation_event", "escalation_id", "escalation", "report"),
    ("request_row", "request_step", "request_id", "request", "request"),
)


def prune(writer: sqlite3.Connection, now_ms: int) -> None:
    """Delete cases with which nothing has happened for a year, with all that hangs on them. Call it once all topics were read.

    A console that is made anew would not find them either, open or not. Counters for transparency reports are kept.
    """
    cutoff = now_ms - _KEPT_MS
    for rows, events, column, subject, clock_subject in _CASES:
        gone = f"(SELECT {column} FROM {rows} WHERE changed_ms < ?)"
        writer.execute(f"DELETE FROM {events} WHERE {column} IN {gone}", (cutoff,))
        for table in ("act", "case_work", "decision"):
            writer.execute(f"DELETE FROM {table} WHERE subject = ? AND case_id IN {gone}", (subject, cutoff))
        writer.execute(f"DELETE FROM clock WHERE subject = ? AND case_id IN {gone}", (clock_subject, cutoff))
        writer.execute(f"DELETE FROM {rows} WHERE changed_ms < ?", (cutoff,))
    writer.execute("DELETE FROM outcome WHERE decided_ms < ?", (cutoff,))
    writer.execute("DELETE FROM clock_outcome WHERE at_ms < ?", (cutoff,))
    writer.execute("DELETE FROM policy_event WHERE day < ?", (rfc3339(cutoff)[:10],))
    writer.execute("DELETE FROM integrity_case WHERE at_ms < ?", (now_ms - _INTEGRITY_MS,))
