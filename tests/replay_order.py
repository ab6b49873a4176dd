"""Recover the order of application from the logs, for tests that replay them.

A partition reads reports from two topics. Neither shows how they were interleaved; `enriched-reports` does.
Ticks and corrections of time are in the internal topic, and each enriched report holds the number of them
that counted before it. The first report after decisions of people holds how far these had been read. The escalation that a clock's outcome leads to holds the place of the outcome's record
and what was applied before it. `authority-routing` holds the same for requests.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from streams.contract.events.enriched_report import Source
from streams.contract.events.escalation import Trace
from streams.contract.wire.forms.reporter_paused import decode_reporter_paused
from streams.contract.wire.forms.tick import decode_tick
from streams.contract.wire.forms.time_correction import decode_time_correction
from streams.contract.wire.origin import origin_of, read_origin
from streams.contract.wire.records import Headers, SourceRecord
from streams.contract.wire.topics import MODERATION_OUTCOMES, without_prefix
from streams.deciding.partition.replay import AFTER_HEADER, DECISIONS_HEADER, TICKS_HEADER


class Applied(NamedTuple):
    """One applied report or request: the place of its original record, and the ticks honoured before it.

    `decisions` are the offsets of both topics below which decisions were read before a report.
    """

    source: Source
    ticks: int
    decisions: tuple[int, int] = (0, 0)


class AppliedOutcome(NamedTuple):
    """One applied outcome: its place, the number of reports or requests applied before it, and ticks since.

    `at` is the time of the event that says so.
    """

    source: Source
    after: int
    ticks: int
    at: str = ""


class _Traced(msgspec.Struct):
    trace: Trace
    at: str


_decode_trace = msgspec.json.Decoder(_Traced).decode


def applied_report(source: Source, headers: Headers) -> Applied:
    """Read what a report's `enriched-reports` record says of its place (`source` field and headers)."""
    found = dict(headers)
    published, passed_on = map(int, found.get(DECISIONS_HEADER, b"0 0").split())
    return Applied(source, int(found.get(TICKS_HEADER, b"0")), (published, passed_on))


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


def applied_answer(value: bytes, headers: Headers) -> AppliedOutcome | None:
    """Read the outcome that led to a `review-questions` record. None if no outcome led to it."""
    origin, found = read_origin(headers), dict(headers)
    if origin is None or AFTER_HEADER not in found:
        return None
    source = Source(origin.topic, origin.partition, origin.offset)
    at = msgspec.json.decode(value)["at"]
    return AppliedOutcome(source, int(found[AFTER_HEADER]), int(found[TICKS_HEADER]), at)


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


class _Decisions:
    """Decisions in the order of their two topics, some of which are in the order of events too."""

    def __init__(self, published: Iterable[SourceRecord], internal: Iterable[SourceRecord]) -> None:
        self._waiting = deque(published), deque(filter(_is_decision, internal))

    def below(self, ends: tuple[int, int] | None) -> Iterator[SourceRecord]:
        """Take those below an offset of each topic, or all of them."""
        for number, waiting in enumerate(self._waiting):
            while waiting and (ends is None or waiting[0].offset < ends[number]):
                yield waiting.popleft()

    def up_to(self, place: Source) -> list[SourceRecord] | None:
        """Take one, by its original place, and what waits before it; None if it is none of these."""
        for waiting in self._waiting:
            places = [(origin.topic, origin.partition, origin.offset) for origin in map(origin_of, waiting)]
            wanted = place.topic, place.partition, place.offset
            if wanted in places:
                return [waiting.popleft() for _ in range(places.index(wanted) + 1)]
        return None


def _is_decision(record: SourceRecord) -> bool:
    origin = read_origin(record.headers)
    return decode_reporter_paused(record) is not None or (
        origin is not None and without_prefix(origin.topic) == MODERATION_OUTCOMES
    )


def order_of_application(
    applied: Iterable[Applied],
    record_at: Callable[[Source], SourceRecord],
    internal: Sequence[SourceRecord],
    outcomes: Iterable[AppliedOutcome] = (),
    published: Iterable[SourceRecord] = (),
) -> Iterator[SourceRecord]:
    """Yield the records that the partition's owner applied, in its order, starting from an empty state.

    `applied` is a whole partition of `enriched-reports` (or of the requests' routings) in order. `record_at`
    finds original records. `internal` are the records of the same partition of the internal topic, in order and
    below the owner's position; of these, ticks, corrections of time and decisions are taken. `outcomes` are in
    the order of their events. `published` are the outcomes of moderation in that partition about channels at
    home there, in order and below the owner's position. Between two reports, decisions that led to no event
    come after those that did, unless they are earlier in the topic. Reports that became dead letters, were
    re-keyed to another partition, or were duplicates left no trace in the state and are not yielded.
    """
    moving: deque[tuple[int | None, SourceRecord]] = deque()
    for record in internal:
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

    decisions = _Decisions(published, internal)

    def between(number: int, honoured: int | None, ends: tuple[int, int] | None) -> Iterator[SourceRecord]:
        waiting = counted(number, honoured)
        passed = 0
        for outcome in outcomes_after[number]:
            yield from waiting[passed : outcome.ticks]
            passed = outcome.ticks
            found = decisions.up_to(outcome.source)
            yield from [record_at(outcome.source)] if found is None else found
        yield from waiting[passed:]
        yield from decisions.below(ends)

    number = 0
    for number, report in enumerate(applied, 1):
        yield from between(number - 1, report.ticks, report.decisions)
        yield record_at(report.source)
    yield from between(number, None, None)
