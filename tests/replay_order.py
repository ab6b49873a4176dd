"""The order of application, read from the logs, for tests that replay them.

Reports of a partition come by two topics and their interleaving is in neither; `enriched-reports` holds it. Ticks are
in the internal topic, and the enriched reports say how many of them took effect before each. The escalation that an
outcome of a clock leads to says where the outcome's record is, and what was applied before it. `authority-routing` says
the same of requests.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.events.enriched_report import Source
from streams.events.escalation import Trace
from streams.partition.replay import AFTER_HEADER, TICKS_HEADER
from streams.wire.origin import read_origin
from streams.wire.records import Headers, SourceRecord
from streams.wire.tick import decode_tick


class Applied(NamedTuple):
    """One report or request in the order of application: where its original record is, the ticks honoured before it."""

    source: Source
    ticks: int


class AppliedOutcome(NamedTuple):
    """One outcome of a clock: where its record is, what was applied before it, and the ticks since the last of those."""

    source: Source
    after: int
    ticks: int


class _Traced(msgspec.Struct):
    trace: Trace


_decode_trace = msgspec.json.Decoder(_Traced).decode


def applied_report(source: Source, headers: Headers) -> Applied:
    """What a record of `enriched-reports` (its `source` field and its headers) says of the order."""
    return Applied(source, int(dict(headers).get(TICKS_HEADER, b"0")))


def applied_outcome(value: bytes, headers: Headers) -> AppliedOutcome | None:
    """What a record of `escalations` says of an outcome; None if no outcome led to it."""
    headers = dict(headers)
    if AFTER_HEADER not in headers:
        return None
    [(place, offset)] = _decode_trace(value).trace.partition_offsets.items()
    topic, _, partition = place.rpartition("/")
    source = Source(topic, int(partition), offset)
    return AppliedOutcome(source, int(headers[AFTER_HEADER]), int(headers[TICKS_HEADER]))


def applied_of_routing(headers: Headers) -> Applied | AppliedOutcome | None:
    """What a record of `authority-routing` says of the order; None for a step that time alone brought."""
    origin = read_origin(headers)
    if origin is None:
        return None
    source = Source(origin.topic, origin.partition, origin.offset)
    headers = dict(headers)
    ticks = int(headers.get(TICKS_HEADER, b"0"))
    if AFTER_HEADER not in headers:
        return Applied(source, ticks)
    return AppliedOutcome(source, int(headers[AFTER_HEADER]), ticks)


def order_of_application(
    applied: Iterable[Applied],
    record_at: Callable[[Source], SourceRecord],
    ticks: Iterable[SourceRecord],
    outcomes: Iterable[AppliedOutcome] = (),
) -> Iterator[SourceRecord]:
    """Yield the records to apply, from an empty state on, to get what the partition's owner got.

    `applied` is a whole partition of `enriched-reports` (or of the requests' routings) in order, `record_at` finds
    original records, `ticks` are those of the same partition of the internal topic in order, below the owner's
    position; other records among them are passed over. `outcomes` are in the order of their events. What was
    dead-lettered, re-keyed away or a duplicate left no trace in the state and is not yielded.
    """
    ticks_after: dict[int, list[SourceRecord]] = defaultdict(list)
    for record in ticks:
        after = decode_tick(record)
        if after is not None:
            ticks_after[after].append(record)
    outcomes_after: dict[int, list[AppliedOutcome]] = defaultdict(list)
    for outcome in outcomes:
        outcomes_after[outcome.after].append(outcome)

    def between(number: int, honoured: int | None) -> Iterator[SourceRecord]:
        waiting = ticks_after[number][:honoured]
        passed = 0
        for outcome in outcomes_after[number]:
            yield from waiting[passed : outcome.ticks]
            passed = outcome.ticks
            yield record_at(outcome.source)
        yield from waiting[passed:]

    number = 0
    for number, report in enumerate(applied, 1):
        yield from between(number - 1, report.ticks)
        yield record_at(report.source)
    yield from between(number, None)
