"""Encodes and decodes ticks: records of the internal topics that advance the time of an idle partition."""

import msgspec
import orjson

from streams.events.tick import TICK_TYPE, Tick
from streams.wire.envelope import (
    CE_ID,
    CE_SOURCE,
    CE_SPECVERSION,
    CE_TYPE,
    CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    SPECVERSION,
    TOCSIN_SOURCE,
)
from streams.wire.origin import ORIGIN_HEADER, is_internal
from streams.wire.records import Headers, SourceRecord

_TYPE_VALUE = TICK_TYPE.encode()


_DECODER = msgspec.json.Decoder(Tick)


def encode_tick(after: int) -> tuple[bytes, Headers]:
    """The value and headers of a tick. A tick has no time of its own: the broker's append time counts."""
    headers = [
        (CE_SPECVERSION, SPECVERSION),
        (CE_ID, b"after-%d" % after),
        (CE_SOURCE, TOCSIN_SOURCE),
        (CE_TYPE, _TYPE_VALUE),
        (CONTENT_TYPE, JSON_CONTENT_TYPE),
    ]
    return orjson.dumps({"after": after}), headers


def decode_tick(record: SourceRecord) -> int | None:
    """The `after` of a tick; None for any other record and for an unreadable tick.

    A record with an origin was re-keyed. Its other headers and its value come from a publisher, who could make them look
    like a tick, so it is none.
    """
    if not is_internal(record):
        return None
    headers = dict(record.headers)
    if headers.get(CE_TYPE) != _TYPE_VALUE or ORIGIN_HEADER in headers:
        return None
    return _after(record.value)


def _after(value: bytes | None) -> int | None:
    try:
        return _DECODER.decode(value or b"").after
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
