"""A record in binary mode as a CloudEvent in structured mode: one JSON object with attributes and data."""

import msgspec

from streams.wire.envelope import CE_ID, CE_SOURCE, CE_SPECVERSION, CE_TIME, CE_TYPE
from streams.wire.records import SourceRecord

_REQUIRED = (CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE)

STRUCTURED = "application/cloudevents+json; charset=utf-8"


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The attributes of CloudEvents 1.0. `subject` is the record's key: the channel's ref or the request's id."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None


def cloud_event(record: SourceRecord) -> CloudEvent:
    """The event in a record. Raises ValueError if it is none, or its value is not JSON."""
    headers = {name: (text or b"").decode() for name, text in record.headers}
    if record.value is None or any(not headers.get(name) for name in _REQUIRED):
        raise ValueError("the record is not a CloudEvent in binary mode")
    # Raises an error if the value is not a single JSON text.
    msgspec.json.decode(record.value)
    return CloudEvent(
        specversion=headers[CE_SPECVERSION],
        id=headers[CE_ID],
        source=headers[CE_SOURCE],
        type=headers[CE_TYPE],
        data=msgspec.Raw(record.value),
        time=headers.get(CE_TIME),
        subject=record.key.decode() if record.key else None,
        datacontenttype="application/json",
    )
