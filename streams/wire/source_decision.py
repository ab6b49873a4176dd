"""Encodes and decodes operators' decisions about sources: records of the internal topics."""

import msgspec

from streams.events.source_decision import SOURCE_DECISION_TYPE, SourceDecision
from streams.wire.envelope import own_headers
from streams.wire.origin import own_type
from streams.wire.records import Headers, SourceRecord

_TYPE_VALUE = SOURCE_DECISION_TYPE.encode()
_DECODER = msgspec.json.Decoder(SourceDecision)


def encode_source_decision(decision: SourceDecision) -> tuple[bytes, Headers]:
    """The value and headers of a decision."""
    name = f"{decision.topic}/{decision.action}/{decision.until or 0}"
    return msgspec.json.encode(decision), own_headers(SOURCE_DECISION_TYPE, name)


def decode_source_decision(record: SourceRecord) -> SourceDecision | None:
    """The decision in a record; None for any other record and for one that cannot be read."""
    if own_type(record) != _TYPE_VALUE:
        return None
    try:
        return _DECODER.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
