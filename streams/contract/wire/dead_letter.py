"""Rejections, and the dead letters made of rejected records."""

import hashlib
import re
from typing import NamedTuple

import msgspec

from streams.contract.events.dead_letter import REFUSED_BY_STATE, DeadLetterReason, RedactedRecord
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import CONTENT_TYPE, JSON_CONTENT_TYPE, TRACEPARENT
from streams.contract.wire.origin import origin_of
from streams.contract.wire.records import (
    ATTEMPT_HEADER,
    HEADERS_DROPPED,
    MAX_HEADERS,
    MAX_PASSED_ON_BYTES,
    OWN_PREFIX,
    Headers,
    SourceRecord,
    bytes_on_the_wire,
)
from streams.contract.wire.suspicion import may_name_a_person

# The path in `Rejected.field` if the whole value is wrong and not one of its fields.
WHOLE_VALUE = "value"

# Of these the bytes were found to contain personal data, or were never looked at.
_NEVER_KEPT: frozenset[DeadLetterReason] = frozenset({"pii_detected", "bad_batch", "oversized"})

# One value is wrong in these. The event has the right shape, so its refs were searched for numbers. A number
# elsewhere is most likely a counter or a time, but not in what is wrong; in key and headers only what is
# written as no counter is. For any other reason it is not known where the refs are.
_ONE_VALUE_IS_WRONG: frozenset[DeadLetterReason] = frozenset(
    {"invalid_value", "unknown_category", "invalid_country", "invalid_time", "future_timestamp"}
)
# These may have to be redriven: what was skipped is most likely valid, and a report that brings one too many
# is. But they are a publisher's, with fields and headers that nobody knows.
_MOST_LIKELY_VALID: frozenset[DeadLetterReason] = frozenset({"skipped", "too_many_new"})

_SUSPICIOUS = " The record is not kept, because it may contain personal data."

# A record is not redriven a million times: Tocsin did not write a longer number.
_ATTEMPT_DIGITS = 6


class Rejected(Exception):
    """A record is rejected.

    `reason` is one of the closed list, `field` the path of what is wrong, `detail` a sentence for the
    publisher that never quotes a value.
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


# A traceparent (W3C Trace Context) has random ids: they name nobody, but can look like a number in groups.
_TRACEPARENT_IDS = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def dead_letter(record: SourceRecord, rejected: Rejected) -> DeadLetter:
    """The record unchanged, plus `tocsin-*` headers that say why it was rejected and where it was published.

    If it may contain personal data, was not read, has too many headers or is too large for the topic, key,
    bytes and headers are dropped: the value is then the SHA-256, the length and the field. `tocsin-*` headers
    of its publisher are dropped in any case. For a re-keyed record the headers name the place where its
    publisher wrote it.
    """
    origin = origin_of(record)
    kept = [header for header in record.headers if header[0][: len(OWN_PREFIX)].lower() != OWN_PREFIX]
    suspicious = _is_suspicious(record, kept, rejected)
    reported = [
        ("tocsin-reason", rejected.reason.encode()),
        ("tocsin-field", rejected.field.encode()),
        ("tocsin-detail", (rejected.detail + _SUSPICIOUS if suspicious else rejected.detail).encode()),
        ("tocsin-topic", origin.topic.encode()),
        ("tocsin-partition", b"%d" % origin.partition),
        ("tocsin-offset", b"%d" % origin.offset),
        ("tocsin-timestamp", b"%d" % origin.timestamp),
        (ATTEMPT_HEADER, b"%d" % (1 + earlier_attempts(dict(record.headers).get(ATTEMPT_HEADER, b"0")))),
    ]
    headers = kept + reported
    if (
        suspicious
        or rejected.reason in _NEVER_KEPT
        or _has_too_many(record.headers, headers)
        or bytes_on_the_wire(record.key, record.value, headers) > MAX_PASSED_ON_BYTES
    ):
        # The publisher's content type is dropped too: Tocsin wrote this value, and the header may contain
        # anything.
        return DeadLetter(
            None,
            _redacted(record.value or b"", rejected.field),
            [(CONTENT_TYPE, JSON_CONTENT_TYPE), *reported],
        )
    return DeadLetter(record.key, record.value, headers)


def _has_too_many(original: Headers, headers: Headers) -> bool:
    # A record whose headers the runtime dropped must not be kept as if it had had none.
    return len(headers) > MAX_HEADERS or any(name == HEADERS_DROPPED for name, _ in original)


def _is_suspicious(record: SourceRecord, headers: Headers, rejected: Rejected) -> bool:
    """Whether personal data may be anywhere in a rejected record, key and headers included."""
    reason = rejected.reason
    is_likely_valid = reason in _MOST_LIKELY_VALID
    if reason in _NEVER_KEPT or (reason in REFUSED_BY_STATE and not is_likely_valid):
        return False
    around = b"\n".join(
        [
            record.key or b"",
            *(
                part
                for name, text in headers
                if name != TRACEPARENT or not _TRACEPARENT_IDS.fullmatch(text or b"")
                for part in (name.encode(), text or b"")
            ),
        ]
    )
    value = record.value or b""
    if not is_likely_valid and reason not in _ONE_VALUE_IS_WRONG:
        return any(may_name_a_person(text, numbers=True) for text in (value, around))
    return (
        may_name_a_person(value, numbers=False)
        or may_name_a_person(around, numbers=True, counters=True)
        or (not is_likely_valid and may_name_a_person(value_at(value, rejected.field), numbers=True))
    )


def value_at(value: bytes, path: str) -> bytes:
    """The JSON of a field of an event, also in structured mode; of a list all of it. Empty without one."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    if isinstance(found, dict) and "specversion" in found:
        found = found.get("data")
    for name in path.partition("[")[0].split("."):
        if not isinstance(found, dict):
            break
        found = found.get(name)
    return b"" if found is None else msgspec.json.encode(found)


def _redacted(value: bytes, field: str) -> bytes:
    return encode(RedactedRecord(hashlib.sha256(value).hexdigest(), len(value), field))


def earlier_attempts(carried: bytes | None) -> int:
    """Return how often a record was refused before, from what its header carries."""
    if carried and carried.isdigit() and len(carried) <= _ATTEMPT_DIGITS:
        return int(carried)
    # An unreadable header still shows that the record was a dead letter before.
    return 1
