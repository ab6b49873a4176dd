"""Rejections, and the dead letters made of rejected records."""

import hashlib
from typing import NamedTuple

from streams.events.dead_letter import DeadLetterReason, RedactedRecord
from streams.wire.encoding import encode
from streams.wire.envelope import CONTENT_TYPE, JSON_CONTENT_TYPE
from streams.wire.origin import origin_of
from streams.wire.records import (
    ATTEMPT_HEADER,
    MAX_PASSED_ON_BYTES,
    OWN_PREFIX,
    Headers,
    SourceRecord,
    bytes_on_the_wire,
)

# The path in `Rejected.field` if the whole value is wrong and not one of its fields.
WHOLE_VALUE = "value"

# A record is not redriven a million times: Tocsin did not write a longer number.
_ATTEMPT_DIGITS = 6


class Rejected(Exception):
    """A record is rejected.

    `reason` is one of the closed list, `field` the path of what is wrong, `detail` a sentence for the publisher that
    never quotes a value.
    """

    def __init__(self, reason: DeadLetterReason, field: str, detail: str) -> None:
        super().__init__(f"{reason}: {field}: {detail}")
        self.reason = reason
        self.field = field
        self.detail = detail


class DeadLetter(NamedTuple):
    """Key, value and headers of a record of `dead-letters`."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(record: SourceRecord, rejected: Rejected) -> DeadLetter:
    """The record unchanged, plus `tocsin-*` headers that say why it was rejected and where it was published.

    If it was rejected as `pii_detected` or `bad_batch`, or is too large for the topic, key, bytes and headers are
    dropped: the value is then the SHA-256, the length and the field. For a re-keyed record the headers name the place
    where its publisher wrote it.
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
    kept = [header for header in record.headers if not header[0].startswith(OWN_PREFIX)]
    headers = kept + reported
    if (
        rejected.reason in ("pii_detected", "bad_batch")
        or bytes_on_the_wire(record.key, record.value, headers) > MAX_PASSED_ON_BYTES
    ):
        # The publisher's content type is dropped too: Tocsin wrote this value, and the header may contain anything.
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
    # An unreadable header still shows that the record was a dead letter before.
    return int(carried) if carried.isdigit() and len(carried) <= _ATTEMPT_DIGITS else 1
