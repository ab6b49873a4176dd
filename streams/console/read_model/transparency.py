"""Writes the counters from which transparency reports are made."""

import sqlite3

import msgspec

from streams.console.read_model.changes import Changes
from streams.events.transparency import TransparencyCounter
from streams.wire.records import SourceRecord

_DECODER = msgspec.json.Decoder(TransparencyCounter)


def apply_transparency_counter(writer: sqlite3.Connection, record: SourceRecord, _changes: Changes) -> None:
    """Keep the newest value of a counter. Raises msgspec.DecodeError if the record holds something else."""
    if record.key is None or record.value is None:
        return
    counter = _DECODER.decode(record.value)
    writer.execute(
        "INSERT OR REPLACE INTO transparency_counter VALUES (?, ?, ?)",
        (record.key.decode(errors="replace"), counter.date, record.value),
    )
