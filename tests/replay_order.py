"""Recover the order of application from the logs, for tests that replay them.

A partition reads reports from two topics. Neither shows how they were interleaved; `enriched-reports` does.
Ticks and corrections of time are in the internal topic, and each enriched report holds the number of them
that counted before it. The escalation that a clock's outcome leads to holds the place of the outcome's record
and what was applied before it. `authority-routing` holds the same for requests.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.contract.events.enriched_report import Source
from streams.contract.events.escalation import Trace
from streams.contract.wire.forms.tick import decode_tick
from streams.contract.wire.forms.time_correction import decode_time_correction
from streams.contract.wire.origin import read_origin
from streams.contract.wire.records import Headers, SourceRecord
from streams.deciding.partition.replay import AFTER_HEADER, TICKS_HEADER


class Applied(NamedTuple):
    """One applied report or request: the place of its original record, and the ticks honoured before it."""

    source: Source
    ticks: int


class AppliedOutcome(NamedTuple):
    """One applied outcome: its place, the number of reports or requests applied before it, and ticks since."""

    source: Source
    after: int
    ticks: int


class _Traced(msgspec.Struct):
    trace: Trace


_decode_trace = msgspec.json.Decoder(_Traced).decode


def applied_report(source: Source, headers: Headers) -> Applied:
    """Read place and tick count of a report from its `enriched-reports` record (`source` field and headers)."""
    return Applied(source, int(dict(headers).get(TICKS_HEADER, b"0")))


def applied_outcome(value: bytes, headers: Headers) -> AppliedOutcome | None:
    """Read the outcome that led to an `escalations` record. None if no outcome led to it."""
    headers = dict(headers)
    if AFTER_HEADER not in headers:
        return None
    [(place, offset)] = _decode_trace(value).trace.partition_offsets.items()
    topic, _, partition = place.rpartition("/")
    source = Source(topic, int(partition), offset)
    return AppliedOutcome(source, int(headers[AFTER_HEADER]), int(headers[TICKS_HEADER]))


def applied_of_routing(headers: Headers) -> Applied | AppliedOutcome | None:
    """Read what led to an `authority-routing` record. None for a step that time alone led to."""
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
    """Yield the records that the partition's owner applied, in its order, starting from an empty state.

    `applied` is a whole partition of `enriched-reports` (or of the requests' routings) in order. `record_at`
    finds original records. `ticks` are the records of the same partition of the internal topic, in order and
    below the owner's position; those that are neither ticks nor corrections of time are skipped. `outcomes`
    are in the order of their events. Records that became dead letters, were re-keyed to another partition, or
    were duplicates left no trace in the state and are not yielded.
    """
    moving: deque[tuple[int | None, SourceRecord]] = deque()
    for record in ticks:
        tick = decode_tick(record)
        if tick is not None:
            moving.append((tick.after, record))
        elif decode_time_correction(record) is not None:
            moving.append((None, record))
    outcomes_after: dict[int, list[AppliedOutcome]] = defaultdict(list)
    for outcome in outcomes:
        outcomes_after[outcome.after].append(outcome)

    def counted(number: int, wanted: int | None) -> list[SourceRecord]:
        """The next `wanted` ticks and corrections that counted after `number` records; all of them if it is
        None.

        A correction always counts; a tick only if no record was applied since it was written, and never
        before the first record.
        """
        found: list[SourceRecord] = []
        while moving and (wanted is None or len(found) < wanted):
            after, record = moving.popleft()
            if after is None or 0 < after == number:
                found.append(record)
        return found

    def between(number: int, honoured: int | None) -> Iterator[SourceRecord]:
        waiting = counted(number, honoured)
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
