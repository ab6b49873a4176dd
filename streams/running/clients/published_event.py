"""Turns payloads into CloudEvents in binary mode, as publishers send them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from streams.contract.events.case_activity import CaseActivity
from streams.contract.events.report import REPORT_TYPE, Category, MessageReport
from streams.contract.wire.envelope import (
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
from streams.contract.wire.forms.case_activity_decoding import FORM as ACTIVITY
from streams.contract.wire.forms.moderation_outcome_decoding import FORM as OUTCOME
from streams.contract.wire.forms.outcome_decoding import FORM as CLOCK_OUTCOME
from streams.contract.wire.forms.reporter_standing_decoding import FORM as STANDING
from streams.contract.wire.forms.request_decoding import FORM as REQUEST
from streams.contract.wire.reading import Decoded, EventForm, event_reader
from streams.contract.wire.rejection import require_category
from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    CASE_ACTIVITY,
    CLOCK_OUTCOMES,
    MESSAGE_REPORTS,
    MODERATION_OUTCOMES,
    REPORTER_STANDING,
    ReportSource,
)
from streams.deciding.reports.claims import Sources, check_claims, source_for

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


def published_event(
    topic: str, value: bytes, source: str, now_ms: int, categories: Collection[Category] | None = None
) -> Event:
    """The event that publisher `source` sends to `topic` (a key of PUBLISHED) at `now_ms` for a payload.

    Two events with the same source and payload id are duplicates. Raises Rejected if a worker with these
    `categories` would refuse the payload; without them, any category will do.
    """
    form, id_of, key_of = PUBLISHED[topic]
    event, _, time_ms = event_reader(form, categories)(value, (), now_ms)
    if categories is not None and isinstance(event, CaseActivity) and event.proposed is not None:
        require_category("proposed.category", event.proposed.category, categories)
    identity = _Identity(form.type.decode(), getattr(event, id_of), time_ms, key_of(event))
    return _event(topic, identity, value, source)


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


class _Form(NamedTuple):
    """How payloads of a topic are read, the field with their id, and what decides their home."""

    form: EventForm[Any]
    id_of: str
    key_of: Callable[[Any], str]


PUBLISHED: Mapping[str, _Form] = {
    AUTHORITY_REQUESTS: _Form(REQUEST, "request_id", lambda request: request.request_id),
    CLOCK_OUTCOMES: _Form(CLOCK_OUTCOME, "outcome_id", lambda outcome: outcome.key),
    MODERATION_OUTCOMES: _Form(OUTCOME, "outcome_id", lambda outcome: outcome.subject.channel_ref),
    CASE_ACTIVITY: _Form(ACTIVITY, "activity_id", lambda activity: activity.key),
    # The ref of a reporter must not become a key: keys are shown where values are not.
    REPORTER_STANDING: _Form(STANDING, "standing_id", lambda standing: standing.standing_id),
}
"""By topic, except those of reports: how a payload is read."""
