"""Deletes what topics do not keep any more, so that the file does not grow for ever."""

import sqlite3
from typing import Final

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY
from streams.desk.console.read_model.statements import SQL

_KEPT_MS: Final = 365 * DAY
"""How long the topics of escalations, requests, acts and outcomes keep their records."""

# How long integrity-cases keeps its records.
_INTEGRITY_MS: Final = 90 * DAY


def prune(writer: sqlite3.Connection, now_ms: int) -> None:
    """Delete cases with which nothing has happened for a year, with all that hangs on them.

    Call it once all topics were read. A console whose file is made again would not find them either, open or
    not. Counters for transparency reports are kept.
    """
    cutoff = now_ms - _KEPT_MS
    values = {
        "cutoff": cutoff,
        "cutoff_day": rfc3339(cutoff)[:10],
        "integrity_cutoff": now_ms - _INTEGRITY_MS,
    }
    for statement in SQL["prune"].split(";\n"):
        writer.execute(statement, values)
