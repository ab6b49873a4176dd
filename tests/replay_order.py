"""Recover the order of application from the logs, for tests that replay them.

A partition reads reports from two topics. Neither shows how they were interleaved; `enriched-reports` does.
Ticks and corrections of time are in the internal topic, and each enriched report holds the number of them
that counted before it. The escalation that a clock's outcome leads to holds the place of the outcome's record
and what was applied before it. `authority-routing` holds the same for requests.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
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
    """One applied outcome: its place, the number of reports or requests applied before it, and ticks since.

    `at` is the time of the event that says so.
    """

    source: Source
    after: int
    ticks: int
    at: str = ""


class Known(NamedTuple):
    """Outcomes that were known when the report at `source` led to a question: their places."""

    source: Source
    outcomes: tuple[Source, ...]


class _Traced(msgspec.Struct):
    trace: Trace
    at: str


_decode_trace = msgspec.json.Decoder(_Traced).decode


def applied_report(source: Source, headers: Headers) -> Applied:
    """Read place and tick count of a report from its `enriched-reports` record (`source` field and headers)."""
    return Applied(source, int(dict(headers).get(TICKS_HEADER, b"0")))


def applied_outcome(value: bytes, headers: Headers) -> AppliedOutcome | None:
    """Read the outcome that led to an `escalations` record. None if no outcome led to it."""
    headers = dict(headers)
    if AFTER_HEADER not in headers:
        return None
    event = _decode_trace(value)
    [(place, offset)] = event.trace.partition_offsets.items()
    topic, _, partition = place.rpartition("/")
    source = Source(topic, int(partition), offset)
    return AppliedOutcome(source, int(headers[AFTER_HEADER]), int(headers[TICKS_HEADER]), event.at)


def applied_answers(
    value: bytes, headers: Headers, place_of: Callable[[str], Source]
) -> tuple[list[AppliedOutcome], Known | None]:
    """Read from a `review-questions` record which outcomes were applied before something else.

    If an outcome led to it, those that answered the question, the one that did so last; if a report did, those
    that were known. `place_of` finds the record of an outcome by its id.
    """
    event = msgspec.json.decode(value)
    origin = read_origin(headers)
    if origin is None:
        return [], None
    source = Source(origin.topic, origin.partition, origin.offset)
    places = tuple(place for place in map(place_of, event["outcome_ids"]) if place != source)
    found = dict(headers)
    if AFTER_HEADER not in found:
        return [], Known(source, places)
    place_in_order = int(found[AFTER_HEADER]), int(found[TICKS_HEADER]), event["at"]
    return [AppliedOutcome(place, *place_in_order) for place in (*places, source)], None


def outcomes_in_order(
    escalated: Iterable[AppliedOutcome], answers: Iterable[AppliedOutcome]
) -> list[AppliedOutcome]:
    """Bring outcomes that led to escalations, and those that answered questions, into one order.

    Both are in the order of their events; an answer that raised an escalation is among both. Any other one
    concerns no clock, so its place among outcomes of clocks matters only if these moved the time.
    """
    groups: dict[tuple[int, int], tuple[list[AppliedOutcome], deque[AppliedOutcome]]] = {}
    for outcome in escalated:
        groups.setdefault((outcome.after, outcome.ticks), ([], deque()))[0].append(outcome)
    for outcome in answers:
        groups.setdefault((outcome.after, outcome.ticks), ([], deque()))[1].append(outcome)
    found: list[AppliedOutcome] = []
    for _, (first, waiting) in sorted(groups.items()):
        for number, outcome in enumerate(first):
            raises = any(answer.source == outcome.source for answer in waiting)
            later = {other.source for other in first[number:]}
            while waiting and (raises or (waiting[0].at < outcome.at and waiting[0].source not in later)):
                found.append(waiting.popleft())
                if found[-1].source == outcome.source:
                    break
            found.append(outcome)
        found += waiting
    return list(dict.fromkeys(found))


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
    known: Mapping[Source, Sequence[Source]] = MappingProxyType({}),
) -> Iterator[SourceRecord]:
    """Yield the records that the partition's owner applied, in its order, starting from an empty state.

    `applied` is a whole partition of `enriched-reports` (or of the requests' routings) in order. `record_at`
    finds original records. `ticks` are the records of the same partition of the internal topic, in order and
    below the owner's position; those that are neither ticks nor corrections of time are skipped. `outcomes`
    are in the order of their events; `known` are the outcomes that were applied before a report, by its place.
    Records that became dead letters, were re-keyed to another partition, or were duplicates left no trace in
    the state and are not yielded.
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
        yield from map(record_at, known.get(report.source, ()))
        yield record_at(report.source)
    yield from between(number, None)
