"""What transparency reports are made of: counters, and what is still open of a period."""

import sqlite3
from datetime import date
from typing import NamedTuple

import msgspec

from streams.contract.events.transparency import TransparencyCounter
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.records import SourceRecord
from streams.desk.console.read_model.acts import CONSOLE_SOURCE
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.statements import SQL

_COUNTER = msgspec.json.Decoder(TransparencyCounter)


def apply_transparency_counter(writer: sqlite3.Connection, record: SourceRecord, _changes: Changes) -> None:
    """Keep the newest value of a counter. Raises msgspec.DecodeError if the record holds something else."""
    if record.key is None or record.value is None:
        return
    counter = _COUNTER.decode(record.value)
    key = record.key.decode(errors="replace")
    writer.execute(SQL["put_transparency_counter"], (key, counter.date, record.value))


def counters_of(reader: sqlite3.Connection, first: date, last: date) -> list[TransparencyCounter]:
    """The counters of these days, the last one included."""
    rows = reader.execute(SQL["transparency_counters"], (str(first), str(last)))
    return [_COUNTER.decode(event) for (event,) in rows]


class OpenInPeriod(NamedTuple):
    """What of a period has not ended, and so may still change its numbers; counts over all categories.

    Cases that wait for a decision, how many of them wait for a second person, legal clocks, authorities'
    requests without an answer, decisions without the outcome that follows from them, and upheld outcomes that
    hold and do not say what was done.
    """

    cases: int
    proposals: int
    clocks: int
    requests: int
    decisions_without_outcome: int
    outcomes_without_action: int


def open_in_period(reader: sqlite3.Connection, first_ms: int, end_ms: int) -> OpenInPeriod:
    """Count what began before the end of a period and is open; of outcomes, those decided in it.

    The times are in ms since the epoch; `end_ms` no longer belongs to the period.
    """
    values = {"first": first_ms, "end": end_ms, "end_at": rfc3339(end_ms), "console": CONSOLE_SOURCE}
    return OpenInPeriod(*reader.execute(SQL["open_in_period"], values).fetchone())
