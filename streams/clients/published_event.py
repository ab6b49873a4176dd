"""Turns payloads into CloudEvents in binary mode, as publishers send them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from streams.events.authority_request import AUTHORITY_REQUEST_TYPE
from streams.events.case_activity import CASE_ACTIVITY_TYPE
from streams.events.clock_outcome import CLOCK_OUTCOME_TYPE
from streams.events.moderation_outcome import MODERATION_OUTCOME_TYPE
from streams.events.report import REPORT_TYPE, MessageReport
from streams.reports.claims import Sources, check_claims, source_for
from streams.wire.case_activity_decoding import decode_case_activity
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
from streams.wire.moderation_outcome_decoding import decode_moderation_outcome
from streams.wire.outcome_decoding import decode_clock_outcome
from streams.wire.reading import Decoded
from streams.wire.request_decoding import decode_request
from streams.wire.topics import (
    AUTHORITY_REQUESTS,
    CASE_ACTIVITY,
    CLOCK_OUTCOMES,
    MESSAGE_REPORTS,
    MODERATION_OUTCOMES,
    ReportSource,
)

Headers = list[tuple[str, bytes]]


class Event(NamedTuple):
    """A record that can be sent as it is; `topic` is without prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


class _Identity(NamedTuple):
    """The parts of a payload that the envelope repeats.

    `key` is the record's key, which decides the home partition.
    """

    type: str
    id: str
    time_ms: int
    key: str


def published_event(topic: str, value: bytes, source: str, now_ms: int) -> Event:
    """The event that publisher `source` sends to `topic` (a key of PUBLISHED) at `now_ms` for a payload.

    Two events with the same source and payload id are duplicates. Raises Rejected if a worker would refuse
    the payload.
    """
    return _event(topic, PUBLISHED[topic](value, now_ms), value, source)


def published_report(
    sources: Sources,
    topic: ReportSource | None,
    value: bytes,
    source: str,
    decoded: Decoded[MessageReport],
) -> Event:
    """The event that publisher `source` sends for a report, to `topic` or else to the topic that takes it.

    `decoded` is what `value` says. Raises Rejected if a worker with these `sources` would refuse the report.
    """
    report, _, occurred_ms = decoded
    topic = topic or source_for(sources, report, source) or MESSAGE_REPORTS
    check_claims(sources, topic, report, source)
    return _event(
        topic, _Identity(REPORT_TYPE, report.report_id, occurred_ms, report.channel.ref), value, source
    )


def _event(topic: str, identity: _Identity, value: bytes, source: str) -> Event:
    headers = [
        (CE_SPECVERSION, SPECVERSION),
        (CE_ID, identity.id.encode()),
        (CE_SOURCE, source.encode()),
        (CE_TYPE, identity.type.encode()),
        (CE_TIME, rfc3339(identity.time_ms).encode()),
        (CONTENT_TYPE, JSON_CONTENT_TYPE),
    ]
    return Event(topic, identity.key.encode(), value, headers)


def _request_identity(value: bytes, now_ms: int) -> _Identity:
    request, _, received_ms = decode_request(value, (), now_ms)
    return _Identity(AUTHORITY_REQUEST_TYPE, request.request_id, received_ms, request.request_id)


def _outcome_identity(value: bytes, now_ms: int) -> _Identity:
    outcome, _, occurred_ms = decode_clock_outcome(value, (), now_ms)
    return _Identity(CLOCK_OUTCOME_TYPE, outcome.outcome_id, occurred_ms, outcome.key)


def _moderation_identity(value: bytes, now_ms: int) -> _Identity:
    outcome, _, decided_ms = decode_moderation_outcome(value, (), now_ms)
    return _Identity(MODERATION_OUTCOME_TYPE, outcome.outcome_id, decided_ms, outcome.subject.channel_ref)


def _activity_identity(value: bytes, now_ms: int) -> _Identity:
    activity, _, at_ms = decode_case_activity(value, (), now_ms)
    return _Identity(CASE_ACTIVITY_TYPE, activity.activity_id, at_ms, activity.key)


PUBLISHED: Mapping[str, Callable[[bytes, int], _Identity]] = {
    AUTHORITY_REQUESTS: _request_identity,
    CLOCK_OUTCOMES: _outcome_identity,
    MODERATION_OUTCOMES: _moderation_identity,
    CASE_ACTIVITY: _activity_identity,
}
"""By topic, except those of reports: a function that reads a payload as a worker would. Raises Rejected."""
