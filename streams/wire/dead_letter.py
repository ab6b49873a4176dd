"""A record that could not be decoded, kept with its reason."""

import hashlib
from typing import NamedTuple

from streams.events.dead_letter import DeadLetterReason, RedactedRecord
from streams.wire.encoding import encode
from streams.wire.envelope import CONTENT_TYPE, JSON_CONTENT_TYPE
from streams.wire.origin import origin_of
from streams.wire.records import MAX_PASSED_ON_BYTES, Headers, SourceRecord, bytes_on_the_wire

_PREFIX = "tocsin-"
ATTEMPT_HEADER = "tocsin-attempt"

# Nobody re-drives a record a million times; what is longer was not written by us.
_ATTEMPT_DIGITS = 6


class Rejected(Exception):
    """A record is refused: `reason` from the closed table, the field's path, and a detail that quotes no value."""

    def __init__(self, reason: DeadLetterReason, field: str, detail: str) -> None:
        super().__init__(f"{reason}: {field}: {detail}")
        self.reason = reason
        self.field = field
        self.detail = detail


class DeadLetter(NamedTuple):
    """What is to be written to `dead-letters`."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(record: SourceRecord, rejected: Rejected) -> DeadLetter:
    """The record as it came, with `tocsin-*` headers that say why and where it was refused.

    A record refused as `pii_detected` or `bad_batch`, or too large for the topic, keeps neither key nor bytes nor
    headers: its value is the SHA-256, the length and the field. A re-keyed record is reported at the place where its
    publisher put it.
    """
    origin = origin_of(record)
    reported = [
        ("tocsin-reason", rejected.reason.encode()),
        ("tocsin-field", rejected.field.encode()),
        ("tocsin-detail", rejected.detail.encode()),
        ("tocsin-topic", origin.topic.encode()),
        ("tocsin-partition", b"%d" % origin.partition),
        ("tocsin-offset", b"%d" % origin.offset),
        ("tocsin-timestamp", b"%d" % origin.timestamp),
        (ATTEMPT_HEADER, b"%d" % (1 + _earlier_attempts(record.headers))),
    ]
    kept = [header for header in record.headers if not header[0].startswith(_PREFIX)]
    headers = kept + reported
    if (
        rejected.reason in ("pii_detected", "bad_batch")
        or bytes_on_the_wire(record.key, record.value, headers) > MAX_PASSED_ON_BYTES
    ):
        # Not even the publisher's content type: the value is ours now, and it could hold anything.
        return DeadLetter(
            None,
            _redacted(record.value or b"", rejected.field),
            [(CONTENT_TYPE, JSON_CONTENT_TYPE), *reported],
        )
    return DeadLetter(record.key, record.value, headers)


def _redacted(value: bytes, field: str) -> bytes:
    return encode(RedactedRecord(hashlib.sha256(value).hexdigest(), len(value), field))


def _earlier_attempts(headers: Headers) -> int:
    carried = dict(headers).get(ATTEMPT_HEADER, b"0") or b""
    # A header that is there but unreadable still tells that the record came before.
    return int(carried) if carried.isdigit() and len(carried) <= _ATTEMPT_DIGITS else 1
