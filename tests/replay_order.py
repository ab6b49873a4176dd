"""Recover the order of application from the logs, for tests that replay them.

A partition reads reports from two topics. Neither shows how they were interleaved; `enriched-reports` does.
Ticks, corrections of time and changes of rules are in the internal topic, and each enriched report holds the
number of them that counted before it. The first report after decisions of people holds the order in which these were
read; for those after the last report the state has it. What an outcome of a clock of a request leads to in
`authority-routing` holds the place of its record and what was applied before it.
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
from streams.contract.wire.origin import read_origin
from streams.contract.wire.records import Headers, SourceRecord
from streams.contract.wire.rules.rules_switch import decode_rules_switch
from streams.contract.wire.topics import CLOCK_OUTCOMES, MODERATION_OUTCOMES, without_prefix
from streams.deciding.partition.replay import AFTER_HEADER, DECISIONS_HEADER, TICKS_HEADER
from streams.deciding.reports.decisions_read import DecisionRun, DecisionTopic


class Applied(NamedTuple):
    """One applied report or request: the place of its original record, and the ticks honoured before it.

    `decisions` are those that were read between the report before and this one.
    """

    source: Source
    ticks: int
    decisions: Sequence[DecisionRun] = ()


class AppliedOutcome(NamedTuple):
    """One applied outcome: its place, the number of reports or requests applied before it, and ticks since."""

    source: Source
    after: int
    ticks: int


class _Traced(msgspec.Struct):
    trace: Trace


_decode_trace = msgspec.json.Decoder(_Traced).decode


def applied_report(source: Source, headers: Headers) -> Applied:
    """Read what a report's `enriched-reports` record says of its place (`source` field and headers)."""
    found = dict(headers)
    return Applied(source, int(found.get(TICKS_HEADER, b"0")), read_runs(found.get(DECISIONS_HEADER, b"")))


def read_runs(header: bytes) -> list[DecisionRun]:
    """Read the runs of decisions in the header of an `enriched-reports` record."""
    words = (word.partition("@") for word in header.decode().split())
    return [msgspec.convert((run[0], int(run[1:]), int(ticks or 0)), DecisionRun) for run, _, ticks in words]


def applied_outcome(value: bytes, headers: Headers) -> AppliedOutcome | None:
    """Read the outcome that led to an `escalations` record. None if no outcome led to it."""
    headers = dict(headers)
    if AFTER_HEADER not in headers:
        return None
    event = _decode_trace(value)
    [(place, offset)] = event.trace.partition_offsets.items()
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


class _Decisions:
    """Decisions that wait to be read, in the order of their topics."""

    def __init__(self, published: Iterable[SourceRecord], internal: Iterable[SourceRecord]) -> None:
        self._waiting: dict[DecisionTopic, deque[SourceRecord]] = defaultdict(deque)
        self._waiting["i"].extend(filter(_is_decision, internal))
        for record in published:
            topic: DecisionTopic = "c" if without_prefix(record.topic) == CLOCK_OUTCOMES else "o"
            self._waiting[topic].append(record)

    def take(self, runs: Iterable[DecisionRun]) -> Iterator[tuple[SourceRecord, int]]:
        """Take those of some runs, each with the number of ticks before it."""
        for run in runs:
            waiting = self._waiting[run.topic]
            while waiting and waiting[0].offset < run.end:
                yield waiting.popleft(), run.ticks


def _is_decision(record: SourceRecord) -> bool:
    origin = read_origin(record.headers)
    return decode_reporter_paused(record) is not None or (
        origin is not None and without_prefix(origin.topic) in (MODERATION_OUTCOMES, CLOCK_OUTCOMES)
    )


def order_of_application(
    applied: Iterable[Applied],
    record_at: Callable[[Source], SourceRecord],
    internal: Sequence[SourceRecord],
    outcomes: Iterable[AppliedOutcome] = (),
    published: Iterable[SourceRecord] = (),
    last: Sequence[DecisionRun] = (),
) -> Iterator[SourceRecord]:
    """Yield the records that the partition's owner applied, in its order, starting from an empty state.

    `applied` is a whole partition of `enriched-reports` (or of the requests' routings) in order. `record_at`
    finds original records. `internal` are the records of the same partition of the internal topic, in order and
    below the owner's position; of these, ticks, corrections of time, changes of rules and decisions are taken. Among reports,
    `published` are the outcomes in that partition about what is at home there, in the order of their topics and
    below the owner's position, and `last` the decisions read after the last report. Among requests, and in logs
    of version 0.2, only `outcomes` are known, those that led to events, in the order of these. Reports that
    became dead letters, were re-keyed to another partition, or were duplicates left no trace in the state and
    are not yielded.
    """
    moving: deque[tuple[int | None, SourceRecord]] = deque()
    for record in internal:
        tick = decode_tick(record)
        if tick is not None:
            moving.append((tick.after, record))
        elif decode_time_correction(record) is not None or decode_rules_switch(record) is not None:
            moving.append((None, record))
    outcomes_after: dict[int, list[AppliedOutcome]] = defaultdict(list)
    for outcome in dict.fromkeys(outcomes):
        outcomes_after[outcome.after].append(outcome)

    def counted(number: int, wanted: int | None) -> list[SourceRecord]:
        """The next `wanted` ticks, corrections and changes of rules that counted after `number` records; all
        of them if it is None.

        A correction and a change always count; a tick only if no record was applied since it was written, and never
        before the first record.
        """
        found: list[SourceRecord] = []
        while moving and (wanted is None or len(found) < wanted):
            after, record = moving.popleft()
            if after is None or 0 < after == number:
                found.append(record)
        return found

    decisions = _Decisions(published, internal)

    def between(number: int, honoured: int | None, runs: Sequence[DecisionRun]) -> Iterator[SourceRecord]:
        ticks = counted(number, honoured)
        passed = 0
        events = [(record_at(outcome.source), outcome.ticks) for outcome in outcomes_after[number]]
        for record, before in (*decisions.take(runs), *events):
            yield from ticks[passed:before]
            passed = before
            yield record
        yield from ticks[passed:]

    number = 0
    for number, report in enumerate(applied, 1):
        yield from between(number - 1, report.ticks, report.decisions)
        yield record_at(report.source)
    yield from between(number, None, last)
