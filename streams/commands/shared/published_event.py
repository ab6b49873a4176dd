"""What goes in, as the CloudEvents in binary mode that the topics take."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from streams.events.authority_request import AUTHORITY_REQUEST_TYPE
from streams.events.clock_outcome import CLOCK_OUTCOME_TYPE
from streams.events.report import REPORT_TYPE
from streams.wire.envelope import (
    CE_ID,
    CE_SOURCE,
    CE_SPECVERSION,
    CE_TIME,
    CE_TYPE,
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    SPECVERSION,
    rfc3339,
)
from streams.wire.outcome_decoding import decode_clock_outcome
from streams.wire.report_decoding import decode_report
from streams.wire.request_decoding import decode_request
from streams.wire.topics import AUTHORITY_REQUESTS, CLOCK_OUTCOMES, MESSAGE_REPORTS

Headers = list[tuple[str, bytes]]


class Event(NamedTuple):
    """An event ready to be sent."""

    key: bytes
    value: bytes
    headers: Headers


class _Identity(NamedTuple):
    """What the envelope repeats of a payload; `key` is what its home partition is found by."""

    type: str
    id: str
    time_ms: int
    key: str


def published_event(topic: str, value: bytes, source: str, now_ms: int) -> Event:
    """The event of a payload that the publisher `source` sends to `topic`, one of PUBLISHED, at `now_ms`.

    (source, id of the payload) is what makes a duplicate. Raises Rejected when a worker would not take it.
    """
    identity = PUBLISHED[topic](value, now_ms)
    headers = [
        (CE_SPECVERSION, SPECVERSION),
        (CE_ID, identity.id.encode()),
        (CE_SOURCE, source.encode()),
        (CE_TYPE, identity.type.encode()),
        (CE_TIME, rfc3339(identity.time_ms).encode()),
        (CONTENT_TYPE, JSON_CONTENT_TYPE),
    ]
    return Event(identity.key.encode(), value, headers)


def _of_report(value: bytes, now_ms: int) -> _Identity:
    report, _, occurred_ms = decode_report(value, (), now_ms)
    return _Identity(REPORT_TYPE, report.report_id, occurred_ms, report.channel.ref)


def _of_request(value: bytes, now_ms: int) -> _Identity:
    request, _, received_ms = decode_request(value, (), now_ms)
    return _Identity(AUTHORITY_REQUEST_TYPE, request.request_id, received_ms, request.request_id)


def _of_outcome(value: bytes, now_ms: int) -> _Identity:
    outcome, _, occurred_ms = decode_clock_outcome(value, (), now_ms)
    return _Identity(CLOCK_OUTCOME_TYPE, outcome.outcome_id, occurred_ms, outcome.key)


PUBLISHED: Mapping[str, Callable[[bytes, int], _Identity]] = {
    MESSAGE_REPORTS: _of_report,
    AUTHORITY_REQUESTS: _of_request,
    CLOCK_OUTCOMES: _of_outcome,
}
"""By topic: reads a payload as a worker would."""
