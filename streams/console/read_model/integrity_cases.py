"""Writes cases about the integrity of reporting."""

import sqlite3

import msgspec

from streams.console.read_model.changes import Changes
from streams.events.integrity_case import CaseForReview
from streams.wire.records import SourceRecord
from streams.wire.times import moment_ms

_DECODER = msgspec.json.Decoder(CaseForReview)


def apply_integrity_case(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Add a case. Raises msgspec.DecodeError if the record holds something else."""
    case = _DECODER.decode(record.value or b"")
    writer.execute(
        "INSERT OR IGNORE INTO integrity_case VALUES (?, ?, ?, ?)",
        (case.case_id, case.kind, moment_ms(case.at), record.value),
    )
    changes.integrity_cases.add(case.case_id)
