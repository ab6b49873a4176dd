"""JSON of the events that Tocsin writes."""

import msgspec

# Knows the structs: three times as fast as a general encoder that has them turned into dicts first.
_ENCODER = msgspec.json.Encoder()


def encode(event: msgspec.Struct | tuple[msgspec.Struct | str, ...]) -> bytes:
    """JSON bytes of `event` or a part of one: the same gives the same bytes. Datetimes become RFC 3339."""
    return _ENCODER.encode(event)
