"""Reads who published a refused record, and encodes what that publisher is told: records of `refusals`."""

from typing import Any, Final

import msgspec

from streams.contract.events.dead_letter import REFUSAL_TYPE, REMEDIES, ReportRefusal
from streams.contract.wire.dead_letter import Rejected, value_at
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import (
    CE_ID,
    CE_PREFIX,
    CE_SOURCE,
    CE_SPECVERSION,
    CE_TIME,
    CE_TYPE,
    CONTENT_TYPE,
    event_headers,
)
from streams.contract.wire.ids import stable_id
from streams.contract.wire.incoming_envelope import is_structured
from streams.contract.wire.origin import origin_of
from streams.contract.wire.reading import MAX_EVENT_BYTES
from streams.contract.wire.records import HEADERS_DROPPED, OutputRecord, SourceRecord
from streams.contract.wire.refs import is_ref
from streams.contract.wire.suspicion import may_name_a_person
from streams.contract.wire.times import from_epoch_ms
from streams.contract.wire.topics import REFUSALS

# The field of a rejection may be the name of any header that begins with `ce_`: its publisher chose that one.
_ATTRIBUTES: Final = frozenset({CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE, CE_TIME})


class _Event(msgspec.Struct, gc=False):
    source: Any = None
    id: Any = None
    report_id: Any = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode = msgspec.json.Decoder(_Event).decode


def publisher_of(record: SourceRecord) -> str | None:
    """Return the `ce_source` that a refused record claims; None if it cannot be read, or is there twice."""
    if is_structured(dict(record.headers).get(CONTENT_TYPE)):
        return _text(_read(_value(record)).source)
    return _header(record, CE_SOURCE)


def encode_refusal(
    record: SourceRecord, rejected: Rejected, ce_source: str, *, last_of_hour: bool
) -> OutputRecord:
    """The record that tells the publisher `ce_source` of the refusal of its report.

    The id follows from the place where the report was published, so a replay writes the same one.
    """
    topic, partition, offset, appended = origin_of(record)
    ce_id, report_id = _ids(record, rejected)
    refusal = ReportRefusal(
        ce_source=ce_source,
        ce_id=ce_id,
        report_id=report_id,
        topic=topic,
        partition=partition,
        offset=offset,
        published_at=from_epoch_ms(appended),
        reason=rejected.reason,
        field=_shown(rejected.field),
        detail=rejected.detail,
        remedy=REMEDIES[rejected.reason],
        last_of_hour=last_of_hour,
    )
    event_id = stable_id("refusal", topic, str(partition), str(offset))
    headers = event_headers(REFUSAL_TYPE, event_id, appended)
    return OutputRecord(REFUSALS, None, ce_source.encode(), encode(refusal), headers)


def _ids(record: SourceRecord, rejected: Rejected) -> tuple[str | None, str | None]:
    """The report's ids in envelope and data, without those that are no ids, or are what was refused."""
    if rejected.reason == "pii_detected":
        return None, None
    value = _value(record)
    event = _read(value)
    if is_structured(dict(record.headers).get(CONTENT_TYPE)):
        named = _text(event.id), _text(_read(bytes(event.data)).report_id)
    else:
        named = _header(record, CE_ID), _text(event.report_id)
    refused = value_at(value, rejected.field)
    ce_id, report_id = (_checked(text, refused) for text in named)
    return ce_id, report_id


def _checked(text: str | None, refused: bytes) -> str | None:
    """An id as reports have it, that most likely names nobody and is not in what was `refused`; or None."""
    if text is None or not is_ref(text) or b'"%s"' % text.encode() in refused:
        return None
    return None if may_name_a_person(text.encode(), numbers=True, counters=True) else text


def _shown(field: str) -> str:
    return "headers" if field.startswith(CE_PREFIX) and field not in _ATTRIBUTES else field


def _header(record: SourceRecord, name: str) -> str | None:
    """The text of a header that is there once, of a record that was read with all of its headers."""
    values = [value for other, value in record.headers if other == name]
    if len(values) != 1 or any(other == HEADERS_DROPPED for other, _ in record.headers):
        return None
    try:
        return (values[0] or b"").decode() or None
    except UnicodeDecodeError:
        return None


def _value(record: SourceRecord) -> bytes:
    """The value of a record; empty if it is larger than what is read of a report."""
    value = record.value or b""
    return value if len(value) <= MAX_EVENT_BYTES else b""


def _read(value: bytes) -> _Event:
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Event()


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None
