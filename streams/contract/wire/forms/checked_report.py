"""Makes the entry of a report for a bundle, and of an entry the report, or the record that was published."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec

from streams.contract.events.internal.passed_report import CheckedReport, RestOfReport, RestWithChannel
from streams.contract.events.report import REPORT_TYPE, Channel, MessageReport, Reporter
from streams.contract.wire.dead_letter import earlier_attempts
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import (
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    SPECVERSION,
    STRUCTURED_CONTENT_TYPE,
    TRACEPARENT,
)
from streams.contract.wire.origin import Origin
from streams.contract.wire.reading import Decoded
from streams.contract.wire.records import ATTEMPT_HEADER, DetachedRecord, Headers
from streams.contract.wire.times import epoch_ms

# A trace's header has 55 characters; later versions of it may have more.
_LONGEST_TRACEPARENT: Final = 128

_decode_rest = msgspec.msgpack.Decoder(RestWithChannel).decode


class _StructuredReport(msgspec.Struct, frozen=True, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    data: MessageReport


def checked_report(
    decoded: Decoded[MessageReport], origin: Origin, headers: Headers
) -> CheckedReport[RestOfReport]:
    """Return what an entry has of a report that was read from a record with these headers."""
    report, ce_source, occurred = decoded
    traceparent, attempts = None, 0
    for name, value in headers:
        if name == TRACEPARENT:
            traceparent = _traceparent(value)
        elif name == ATTEMPT_HEADER:
            attempts = earlier_attempts(value)
    channel, who = report.channel, report.reporter
    kind = member = ref = country = age = None
    if who is not None:
        kind, ref, country, member, age = who.kind, who.ref, who.country, who.member, who.account_age
    received, members = report.received_at, channel.members
    form: Any = RestOfReport
    if members is not None or channel.kind != "channel":
        form = partial(RestWithChannel, members=members, channel_kind=channel.kind)
    return CheckedReport(
        origin.topic,
        origin.partition,
        origin.offset,
        origin.timestamp,
        occurred,
        None if received is None else epoch_ms(received),
        report.category,
        kind,
        member,
        channel.ref,
        report.message_ref,
        ce_source,
        report.report_id,
        traceparent,
        attempts,
        form(
            report.kind,
            report.occurred_at,
            received,
            channel.visibility,
            channel.country,
            channel.language,
            ref,
            country,
            age,
            report.classifier,
            report.evidence,
            report.notice,
            None
            if report.occurred_at.tzinfo is UTC and (received is None or received.tzinfo is UTC)
            else (report.occurred_at.isoformat(), None if received is None else received.isoformat()),
            report.match,
            report.message_version,
        ),
    )


def report_of(checked: CheckedReport[Any]) -> MessageReport:
    """Return the report as it was published, without fields that this version does not know."""
    rest: RestOfReport = checked.rest
    kind = checked.reporter_kind
    occurred_at, received_at = rest.occurred_at, rest.received_at
    if rest.times is not None:
        occurred_text, received_text = rest.times
        occurred_at = datetime.fromisoformat(occurred_text)
        received_at = None if received_text is None else datetime.fromisoformat(received_text)
    return MessageReport(
        checked.report_id,
        rest.kind,
        occurred_at,
        Channel(
            checked.channel_ref,
            rest.visibility,
            rest.channel_country,
            rest.language,
            rest.members if isinstance(rest, RestWithChannel) else None,
            rest.channel_kind if isinstance(rest, RestWithChannel) else "channel",
        ),
        checked.category,
        received_at,
        checked.message_ref,
        None
        if kind is None
        else Reporter(kind, rest.reporter_ref, rest.reporter_country, checked.member, rest.account_age),
        rest.classifier,
        rest.evidence,
        rest.notice,
        rest.match,
        rest.message_version,
    )


def rest_of(checked: CheckedReport[Any]) -> RestOfReport:
    """Return what the stage of reporters leaves unread."""
    rest = checked.rest
    return rest if isinstance(rest, RestOfReport) else _decode_rest(rest)


def published_record(checked: CheckedReport[Any]) -> DetachedRecord:
    """Return the report as a record of the topic to which it was published, for a dead letter.

    Its CloudEvent is in structured mode, with the report's id as its id; plain JSON stays plain.
    """
    report = report_of(msgspec.structs.replace(checked, rest=rest_of(checked)))
    if checked.ce_source:
        content_type = STRUCTURED_CONTENT_TYPE
        event = _StructuredReport(
            SPECVERSION.decode(), report.report_id, checked.ce_source, REPORT_TYPE, report
        )
        value = encode(event)
    else:
        content_type, value = JSON_CONTENT_TYPE, encode(report)
    headers = [(CONTENT_TYPE, content_type)]
    if checked.traceparent is not None:
        headers.append((TRACEPARENT, checked.traceparent.encode()))
    if checked.attempts:
        headers.append((ATTEMPT_HEADER, b"%d" % checked.attempts))
    return DetachedRecord(
        checked.topic,
        checked.partition,
        checked.offset,
        checked.appended,
        checked.channel_ref.encode(),
        value,
        headers,
    )


def _traceparent(value: bytes | None) -> str | None:
    if value and len(value) <= _LONGEST_TRACEPARENT and value.isascii():
        return value.decode()
    return None
