"""Records that move a reporter's outcomes after a change of the key, and the header that asks for them."""

from typing import Final

import msgspec

from streams.contract.events.internal.reporter_history import (
    HISTORY_TYPE,
    REHASHED_TYPE,
    ReporterHistory,
    ReporterRehashed,
)
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.records import OutputRecord, SourceRecord
from streams.contract.wire.topics import REPORTERS_INTERNAL

EARLIER_HEADER: Final = "tocsin-earlier-reporter"
"""On a report that is passed on: the reporter's hash under the previous key, if workers have one.

Always the last header.
"""

REPORTER_HEADER: Final = "tocsin-reporter"
"""On a decision about a reporter that is passed on: their hash. Its key stays, for a dead letter."""

FORWARDED_HEADER: Final = "tocsin-forwarded"
"""On what is sent after a reporter whose hash has changed: how often it was. Always the last header."""

_encode = msgspec.json.Encoder().encode
decode_rehashed = msgspec.json.Decoder(ReporterRehashed).decode
"""Decode a rehashed reporter. Raises msgspec.DecodeError."""
decode_history = msgspec.json.Decoder(ReporterHistory).decode
"""Decode a reporter's history. Raises msgspec.DecodeError."""


def encode_rehashed(earlier: int, rehashed: ReporterRehashed) -> OutputRecord:
    """The record that says to the home of the hash `earlier` which hash the reporter has now."""
    return _record(earlier, REHASHED_TYPE, _encode(rehashed))


def encode_history(reporter: int, history: ReporterHistory) -> OutputRecord:
    """The record that brings a history to the home of the hash `reporter`."""
    return _record(reporter, HISTORY_TYPE, _encode(history))


def earlier_hash(record: SourceRecord) -> int | None:
    """Return the reporter's hash under the previous key from a passed-on report; None without one."""
    name, value = record.headers[-1]
    return int(value or b"", 16) if name == EARLIER_HEADER else None


def times_forwarded(record: SourceRecord) -> int:
    """Return how often a record was sent after its reporter."""
    name, value = record.headers[-1]
    return int(value or b"") if name == FORWARDED_HEADER else 0


def reporter_in(record: SourceRecord) -> bytes:
    """Return the key under which the reporter of a passed-on decision is known: 16 hexadecimal digits."""
    return next((value for name, value in record.headers if name == REPORTER_HEADER), b"")


def _record(reporter: int, event_type: str, value: bytes) -> OutputRecord:
    headers = [(CE_TYPE, event_type.encode())]
    return OutputRecord(REPORTERS_INTERNAL, None, f"{reporter:016x}".encode(), value, headers)
