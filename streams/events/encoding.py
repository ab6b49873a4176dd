"""JSON of the events that Tocsin writes."""

import msgspec

# Knows the structs: three times as fast as a general encoder that has them turned into dicts first.
_ENCODER = msgspec.json.Encoder()


def encode(event: msgspec.Struct) -> bytes:
    """JSON bytes of `event`: the same event gives the same bytes. Datetimes become RFC 3339."""
    return _ENCODER.encode(event)
