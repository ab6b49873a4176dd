"""Encodes and decodes operators' decisions about sources: records of the internal topics."""

import msgspec

from streams.contract.events.internal.source_decision import SOURCE_DECISION_TYPE, SourceDecision
from streams.contract.wire.envelope import own_headers
from streams.contract.wire.own_events import own_event_decoder
from streams.contract.wire.records import Headers


def encode_source_decision(decision: SourceDecision) -> tuple[bytes, Headers]:
    """The value and headers of a decision."""
    name = f"{decision.topic}/{decision.action}/{decision.until or 0}"
    return msgspec.json.encode(decision), own_headers(SOURCE_DECISION_TYPE, name)


decode_source_decision = own_event_decoder(SOURCE_DECISION_TYPE, SourceDecision)
"""The decision in a record; None for any other record and for one that cannot be read."""
