"""Reads Tocsin's own events on an internal topic: ticks, corrections of time, operators' decisions."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from streams.contract.wire.origin import own_type
from streams.contract.wire.records import SourceRecord

Event = TypeVar("Event")


def own_event_decoder(event_type: str, shape: type[Event]) -> Callable[[SourceRecord], Event | None]:
    """Return a function that gives the event in a record; None for others and unreadable ones."""
    type_value = event_type.encode()
    decode = msgspec.json.Decoder(shape).decode

    def decode_own_event(record: SourceRecord) -> Event | None:
        if own_type(record) != type_value:
            return None
        try:
            return decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    return decode_own_event
