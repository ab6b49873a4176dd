"""JSON of the events that Tocsin writes."""

import msgspec
import orjson


def encode(event: msgspec.Struct) -> bytes:
    """JSON bytes of `event`: the same event gives the same bytes. Datetimes become RFC 3339."""
    return orjson.dumps(event, default=msgspec.to_builtins)
