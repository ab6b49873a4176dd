"""Which records led to what a batch publishes, and which traces they belong to.

Every escalation, judgement of a request and dead letter names the record that led to it, so what decides need
not know of traces.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from streams.contract.wire.origin import origin_of, read_origin
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import AUTHORITY_ROUTING, DEAD_LETTERS, ESCALATIONS, ESCALATIONS_SHADOW
from streams.running.log.log import Write

TRACEPARENT: Final = "traceparent"
"""The header of W3C Trace Context: the ids of a trace and of a span in it."""

RecordPlace = tuple[str, int, int]
"""Topic (with prefix), partition and offset of a record, where its publisher wrote it."""


class _Trace(msgspec.Struct):
    partition_offsets: dict[str, int]


class _Escalation(msgspec.Struct):
    trace: _Trace


_decode = msgspec.json.Decoder(_Escalation).decode


def _of_escalation(write: Write) -> Iterator[RecordPlace]:
    for place, offset in _decode(write[1] or b"").trace.partition_offsets.items():
        topic, _, partition = place.rpartition("/")
        yield topic, int(partition), offset


def _of_routing(write: Write) -> Iterator[RecordPlace]:
    # If time alone changed a clock, there is none.
    if (origin := read_origin(write[2])) is not None:
        yield origin.topic, origin.partition, origin.offset


def _of_dead_letter(write: Write) -> Iterator[RecordPlace]:
    headers = dict(write[2])
    yield headers["tocsin-topic"].decode(), int(headers["tocsin-partition"]), int(headers["tocsin-offset"])


_CAUSES: Final[Mapping[str, Callable[[Write], Iterator[RecordPlace]]]] = {
    ESCALATIONS: _of_escalation,
    ESCALATIONS_SHADOW: _of_escalation,
    AUTHORITY_ROUTING: _of_routing,
    DEAD_LETTERS: _of_dead_letter,
}


def causes(topic: str, writes: Iterable[Write]) -> Iterator[RecordPlace]:
    """Yield the places of the records that led to `writes` to a topic (without prefix).

    What time alone led to names an earlier record, or none.
    """
    of_one = _CAUSES[topic]
    for write in writes:
        yield from of_one(write)


def traceparents(
    records: Sequence[SourceRecord], places: Collection[RecordPlace]
) -> Mapping[RecordPlace, bytes]:
    """Return the traceparent, as published, of each of `records` that has one and is from `places`."""
    found = {}
    for record in records:
        place = origin_of(record)[:3]
        if place in places and (header := dict(record.headers).get(TRACEPARENT)):
            found[place] = header
    return found
