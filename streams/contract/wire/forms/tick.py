"""Encodes and decodes ticks: records of the internal topics that advance the time of an idle partition."""

from typing import NamedTuple

import orjson

from streams.contract.events.internal.tick import TICK_TYPE, Tick
from streams.contract.wire.envelope import own_headers
from streams.contract.wire.own_events import own_event_decoder
from streams.contract.wire.records import Headers, SourceRecord
from streams.contract.wire.times import MAX_CLOCK_DIFFERENCE_MS

_decode = own_event_decoder(TICK_TYPE, Tick)


class ReadTick(NamedTuple):
    """A tick as read: the number of records applied when it was written, and its append time (ms)."""

    after: int
    appended: int


def encode_tick(after: int, clock_ms: int) -> tuple[bytes, Headers]:
    """The value and headers of a tick that a worker writes when its clock shows `clock_ms`."""
    return orjson.dumps({"after": after, "clock_ms": clock_ms}), own_headers(TICK_TYPE, f"after-{after}")


def decode_tick(record: SourceRecord) -> ReadTick | None:
    """The tick in a record; None for any other record and for an unreadable tick.

    The broker's append time counts, but not beyond what the clock of the worker that wrote the tick allows: a
    single wrong clock must not move a partition's time ahead. Both are in the log, so a replay gives the
    same.
    """
    tick = _decode(record)
    if tick is None:
        return None
    if tick.clock_ms is None:
        return ReadTick(tick.after, record.timestamp)
    return ReadTick(tick.after, min(record.timestamp, tick.clock_ms + MAX_CLOCK_DIFFERENCE_MS))
