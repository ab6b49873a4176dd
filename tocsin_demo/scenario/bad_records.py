"""Records of broken publishers: for each reason of a dead letter, a good report with just that defect."""

from collections.abc import Callable
from typing import Any, get_args

import orjson

from streams.contract.events.dead_letter import DeadLetterReason
from streams.contract.wire.envelope import CE_SOURCE, CE_TYPE, rfc3339
from streams.contract.wire.nesting import MAX_DEPTH
from streams.contract.wire.reading import MAX_EVENT_BYTES
from streams.running.clients.published_event import Headers

# Reasons for which no report can be spoilt: three are for outcomes only, one for decisions about reporters,
# many valid reports are needed for one, batches are built by the Kafka client, and operators decide what is
# skipped.
_NOT_FOR_REPORTS = (
    "clock_not_running",
    "not_pausable",
    "subject_not_found",
    "standing_not_possible",
    "too_many_new",
    "bad_batch",
    "skipped",
)
REASONS: tuple[DeadLetterReason, ...] = tuple(
    reason for reason in get_args(DeadLetterReason) if reason not in _NOT_FOR_REPORTS
)

Payload = dict[str, Any]

_DAY_MS = 86_400_000


def spoil(reason: DeadLetterReason, payload: Payload, headers: Headers, end_ms: int) -> tuple[bytes, Headers]:
    """The value and headers of a report, spoilt so that it is refused for `reason` at `end_ms`."""
    if reason in _ENVELOPES:
        return orjson.dumps(payload), _ENVELOPES[reason](headers)
    if reason in _BYTES:
        return _BYTES[reason](orjson.dumps(payload)), headers
    if reason == "missing_field":
        return orjson.dumps({name: value for name, value in payload.items() if name != "category"}), headers
    if reason == "future_timestamp":
        # As from a device whose clock is a day ahead.
        return orjson.dumps(payload | {"occurred_at": rfc3339(end_ms + _DAY_MS)}), headers
    return orjson.dumps(payload | _FIELDS[reason]), headers


_FIELDS: dict[str, Payload] = {
    "wrong_type": {"message_ref": 12},
    "invalid_value": {"kind": "complaint"},
    "unknown_category": {"category": "rudeness"},
    "invalid_country": {"evidence": [{"country": "EU", "basis": "victim", "confidence": 0.9}]},
    # Without a zone the time is ambiguous.
    "invalid_time": {"occurred_at": "2026-03-01T12:00:00"},
    # A weight that nobody may claim by the report button.
    "not_allowed_here": {"reporter": {"kind": "trusted_flagger"}},
    # RFC 2606 reserves the domain, so this address belongs to nobody.
    "pii_detected": {"reporter": {"kind": "user", "ref": "someone@example.org"}},
}

_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "not_json": lambda value: value[: len(value) // 2],
    "invalid_utf8": lambda value: value[:-1] + b',"note":"\xff"}',
    "too_deep": lambda value: value[:-1] + b',"note":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "oversized": lambda value: value[:-1] + b',"note":"' + b"x" * MAX_EVENT_BYTES + b'"}',
}

_ENVELOPES: dict[str, Callable[[Headers], Headers]] = {
    "bad_envelope": lambda headers: [header for header in headers if header[0] != CE_SOURCE],
    "unsupported_version": lambda headers: [
        (name, b"tocsin.report.v9" if name == CE_TYPE else value) for name, value in headers
    ],
}
