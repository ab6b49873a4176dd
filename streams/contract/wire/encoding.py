"""Encodes the events that Tocsin writes as JSON."""

import msgspec

# Encodes structs directly: three times as fast as a general encoder, which needs dicts.
_ENCODER = msgspec.json.Encoder()


def encode(event: msgspec.Struct | str | tuple[msgspec.Struct | str | float, ...]) -> bytes:
    """Encode an event, or a part of one, as JSON.

    Equal events give equal bytes; datetimes become RFC 3339.
    """
    return _ENCODER.encode(event)
