"""Finds the order in which a partition's owner applied reports and decisions, from its logs alone.

A partition reads several topics, and none of them shows how they were interleaved: `enriched-reports` does,
with the ticks and decisions that came before each report (docs/architecture.md, 'A question to a desk, step
by step'). Logs are read once, side by side, so no more is in memory than what a worker was behind.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from streams.contract.events.enriched_report import Source
from streams.contract.wire.bundle import BUNDLE_VERSION
from streams.contract.wire.envelope import CONTENT_TYPE
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.forms.reporter_paused import decode_reporter_paused
from streams.contract.wire.forms.tick import ReadTick, decode_tick
from streams.contract.wire.forms.time_correction import decode_time_correction
from streams.contract.wire.incoming_envelope import is_structured
from streams.contract.wire.origin import own_type, read_origin
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.rules.rules_switch import decode_rules_switch
from streams.contract.wire.times import MAX_CLOCK_DIFFERENCE_MS
from streams.contract.wire.topics import REPORT_SOURCES, without_prefix
from streams.deciding.partition.replay import DECISIONS_HEADER, TICKS_HEADER
from streams.deciding.reports.decisions_read import DECISION_TOPICS, DecisionRun, DecisionTopic

Place = tuple[str, int, int]
"""Topic (with prefix), partition and offset where a report was published."""

Step = msgspec.Raw | ReadTick | SourceRecord
"""What is applied next: an entry of a bundle, a tick that took effect, or a record as it was read."""

# Brokers append by their own clocks, and a report's bundle is appended before its enriched report.
_CLOCKS_DIFFER_MS: Final = MAX_CLOCK_DIFFERENCE_MS


class Logs(NamedTuple):
    """The records of one partition that are kept, each log in its order.

    `reports` are by topic with its prefix. `whole`: nothing of `enriched` was deleted yet. Otherwise
    `decisions` begin about when the first of it was appended.
    """

    partition: int
    enriched: Iterable[SourceRecord]
    internal: Iterable[SourceRecord]
    reports: Mapping[str, Iterable[SourceRecord]]
    decisions: Mapping[DecisionTopic, Iterable[SourceRecord]]
    whole: bool


class _Enriched(msgspec.Struct):
    source: Source


class _PlaceOfReport(msgspec.Struct, array_like=True):
    topic: str
    partition: int
    offset: int


class _PlaceOfEntry(msgspec.Struct, array_like=True):
    report: _PlaceOfReport


class _Reporter(msgspec.Struct):
    kind: str | None = None
    ref: str | None = None


class _Published(msgspec.Struct):
    reporter: _Reporter | None = None


_offset: Final = attrgetter("offset")
_appended: Final = attrgetter("appended")
_decode_enriched = msgspec.json.Decoder(_Enriched).decode
_decode_published = msgspec.json.Decoder(_Published).decode
_decode_entry = msgspec.msgpack.Decoder(_PlaceOfEntry).decode
_decode_bundle = msgspec.msgpack.Decoder(tuple[int, list[msgspec.Raw]]).decode


class _Log:
    """A log of which the next record is known."""

    def __init__(self, records: Iterable[SourceRecord]) -> None:
        self._records = iter(records)
        self.head = next(self._records, None)

    def take(self) -> SourceRecord:
        taken = self.head
        assert taken is not None
        self.head = next(self._records, None)
        return taken


class _Kept(NamedTuple):
    """What was read and is not applied yet, and when and where it was appended; a change of rules is None."""

    appended: int
    offset: int
    step: Any


class _Internal:
    """The internal topic, read ahead: reports by their places, what moves time, and decisions of people.

    Of the latter two only what was appended from `begin_ms` on.
    """

    def __init__(self, records: Iterable[SourceRecord]) -> None:
        self.log = _Log(records)
        self.begin_ms = 0
        self.entries: OrderedDict[Place, _Kept] = OrderedDict()
        self.moving: deque[_Kept] = deque()
        self.decisions: deque[_Kept] = deque()

    def read(self) -> None:
        """Read one more record."""
        record = self.log.take()
        at = record.timestamp, record.offset
        if STAMPED_REPORTS.is_bundle(record):
            for place, entry in _entries(record):
                self.entries[place] = _Kept(*at, entry)
        elif (origin := read_origin(record.headers)) is not None:
            if without_prefix(origin.topic) in REPORT_SOURCES:
                # Version 0.2 wrote a record for each report.
                self.entries[origin.topic, origin.partition, origin.offset] = _Kept(*at, record)
            elif record.timestamp >= self.begin_ms and without_prefix(origin.topic) in DECISION_TOPICS:
                self.decisions.append(_Kept(*at, record))
        elif record.timestamp >= self.begin_ms and own_type(record) is not None:
            self._read_own(record, at)

    def _read_own(self, record: SourceRecord, at: tuple[int, int]) -> None:
        """Keep what a worker says; what is neither applied nor moves time is left out."""
        if (tick := decode_tick(record)) is not None:
            self.moving.append(_Kept(*at, tick))
        elif decode_time_correction(record) is not None:
            self.moving.append(_Kept(*at, record))
        elif decode_rules_switch(record) is not None:
            self.moving.append(_Kept(*at, None))
        elif decode_reporter_paused(record) is not None:
            self.decisions.append(_Kept(*at, record))

    def find(self, place: Place, until: int) -> Step | None:
        """Take the report of a place; what stands before it was refused or known already."""
        while place not in self.entries:
            if self.log.head is None or self.log.head.timestamp > until:
                return None
            self.read()
        while True:
            found, kept = self.entries.popitem(last=False)
            if found == place:
                step: Step = kept.step
                return step

    def read_all(self) -> Iterator[_Kept]:
        """Yield what is left, in order."""
        yield from sorted((*self.entries.values(), *self.moving, *self.decisions), key=_offset)
        while self.log.head is not None:
            self.entries.clear()
            self.moving.clear()
            self.decisions.clear()
            self.read()
            yield from (*self.entries.values(), *self.moving, *self.decisions)


class _Waiting(NamedTuple):
    """A report without a reporter's ref. `sure`: the stage of reporters does not get it.

    It does get findings of named detectors; and of an event in an envelope it is not known here.
    """

    record: SourceRecord
    sure: bool


class _Direct:
    """A topic of reports: those that do not go through the stage of reporters.

    What is left in the end begins with what was appended at `begin_ms`.
    """

    def __init__(self, records: Iterable[SourceRecord]) -> None:
        self.log = _Log(records)
        self.begin_ms = 0
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()

    def at(self, offset: int) -> _Waiting | None:
        """Return the report of an offset, if it is one of them."""
        while self.log.head is not None and self.log.head.offset <= offset:
            self._read()
        return self._waiting.get(offset)

    def take(self, offset: int) -> None:
        """Forget a report, and those before it, which were refused, re-keyed or known already."""
        while self._waiting.popitem(last=False)[0] != offset:
            pass

    def read_all(self) -> Iterator[_Kept]:
        """Yield what is left, in order."""
        while self._waiting or self.log.head is not None:
            if not self._waiting:
                self._read()
                continue
            offset, (record, _) = self._waiting.popitem(last=False)
            if record.timestamp >= self.begin_ms:
                yield _Kept(record.timestamp, offset, record)

    def _read(self) -> None:
        record = self.log.take()
        try:
            reporter = _decode_published(record.value or b"").reporter
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if reporter is None or reporter.ref is None:
            in_envelope = is_structured(dict(record.headers).get(CONTENT_TYPE))
            sure = not in_envelope and (reporter is None or reporter.kind != "automated")
            self._waiting[record.offset] = _Waiting(record, sure)


class ApplicationOrder:
    """Iterate over it once for what a partition applied, in its order.

    After the last enriched report, and where there are none, all logs are merged by append time. Afterwards
    `ordered` is the number of reports that enriched reports name, `missing` that of those which are in no
    other log any more, and `switches` that of changes of rules, which are left out: whoever asks judges all
    by one set of rules.
    """

    def __init__(self, logs: Logs) -> None:
        self.ordered = self.missing = self.switches = 0
        self._enriched = logs.enriched
        self._internal = _Internal(logs.internal)
        self._direct = {topic: _Direct(records) for topic, records in logs.reports.items()}
        self._decisions = {topic: _Log(records) for topic, records in logs.decisions.items()}
        self._partition = logs.partition
        # The number of reports that were applied before the first one that is kept. If some are gone, ticks
        # say at least how many it were; the first one that took effect says it exactly.
        self._before = 0
        self._whole = logs.whole
        # When the enriched report before this one was appended.
        self._since = 0

    def __iter__(self) -> Iterator[Step]:
        """Yield what is applied."""
        for step in self._applied():
            if step is None:
                self.switches += 1
            else:
                yield step

    def _applied(self) -> Iterator[Step | None]:
        number = 0
        for record in self._enriched:
            if not number and not self._whole:
                # What was decided before concerns reports that are gone, and no report says when.
                self._internal.begin_ms = record.timestamp
                for log in self._direct.values():
                    log.begin_ms = record.timestamp
            source = _decode_enriched(record.value or b"").source
            step = self._found((source.topic, source.partition, source.offset), record.timestamp)
            headers = dict(record.headers)
            if TICKS_HEADER in headers or DECISIONS_HEADER in headers:
                moved = self._counted(number, int(headers.get(TICKS_HEADER) or 0), record.timestamp)
                yield from self._between(moved, read_runs(headers.get(DECISIONS_HEADER) or b""))
            number += 1
            self._since = record.timestamp
            if step is None:
                self.missing += 1
            else:
                self.ordered += 1
                yield step
        yield from self._rest(number)

    def _found(self, place: Place, appended: int) -> Step | None:
        if place in self._internal.entries:
            return self._internal.find(place, appended)
        topic, partition, offset = place
        direct = self._direct.get(topic) if partition == self._partition else None
        published = None if direct is None else direct.at(offset)
        if published is None or not published.sure:
            step = self._internal.find(place, appended + _CLOCKS_DIFFER_MS)
            if step is not None:
                return step
        if direct is None or published is None:
            return None
        direct.take(offset)
        return published.record

    def _between(self, moved: Sequence[Step | None], runs: Iterable[DecisionRun]) -> Iterator[Step | None]:
        """Yield the ticks and decisions between two reports, in their order."""
        passed = 0
        for run in runs:
            for decision in self._decided(run):
                yield from moved[passed : run.ticks]
                passed = max(passed, run.ticks)
                yield decision
        yield from moved[passed:]

    def _counted(self, number: int, wanted: int, applied: int) -> Sequence[Step | None]:
        """Take the ticks, corrections and changes of rules that took effect before a report.

        Of those there are `wanted`, and the report was applied at `applied` (ms).
        """
        internal = self._internal
        steps: list[Step | None] = []
        while len(steps) < wanted:
            if not internal.moving:
                if internal.log.head is None or internal.log.head.timestamp > applied + _CLOCKS_DIFFER_MS:
                    break
                internal.read()
                continue
            kept = internal.moving.popleft()
            if self._counts(number, kept):
                steps.append(kept.step)
        return steps

    def _counts(self, number: int, kept: _Kept) -> bool:
        """Return whether a tick took effect: it did if nothing was applied since it was written."""
        tick = kept.step
        if not isinstance(tick, ReadTick):
            return True
        if not self._whole and kept.appended >= self._since:
            self._before = max(self._before, tick.after - number)
        return 0 < tick.after == self._before + number

    def _decided(self, run: DecisionRun) -> Iterator[SourceRecord]:
        if run.topic == "i":
            internal = self._internal
            while internal.log.head is not None and internal.log.head.offset < run.end:
                internal.read()
            while internal.decisions and internal.decisions[0].offset < run.end:
                yield internal.decisions.popleft().step
            return
        log = self._decisions[run.topic]
        while log.head is not None and log.head.offset < run.end:
            yield log.take()

    def _rest(self, number: int) -> Iterator[Step | None]:
        logs: list[Iterator[_Kept]] = [self._internal.read_all()]
        logs += [direct.read_all() for direct in self._direct.values()]
        logs += [_taken(log) for log in self._decisions.values()]
        for kept in heapq.merge(*logs, key=_appended):
            step = kept.step
            if isinstance(step, ReadTick):
                if not self._counts(number, kept):
                    continue
            elif step is not None and _is_report(step):
                number += 1
            yield step


def read_runs(header: bytes) -> list[DecisionRun]:
    """Read the runs of decisions in the header of an enriched report."""
    words = (word.partition("@") for word in header.decode().split())
    return [msgspec.convert((run[0], int(run[1:]), int(ticks or 0)), DecisionRun) for run, _, ticks in words]


def _is_report(step: msgspec.Raw | SourceRecord) -> bool:
    if isinstance(step, msgspec.Raw) or without_prefix(step.topic) in REPORT_SOURCES:
        return True
    origin = read_origin(step.headers)
    return origin is not None and without_prefix(origin.topic) in REPORT_SOURCES


def _taken(log: _Log) -> Iterator[_Kept]:
    while log.head is not None:
        record = log.take()
        yield _Kept(record.timestamp, record.offset, record)


def _entries(record: SourceRecord) -> list[tuple[Place, msgspec.Raw]]:
    """Return the entries of a bundle with the places of their reports.

    None of a bundle that no worker wrote: it became a dead letter.
    """
    value = record.value or b""
    if value[:1] != BUNDLE_VERSION:
        return []
    try:
        _, entries = _decode_bundle(memoryview(value)[1:])
        reports = [_decode_entry(entry).report for entry in entries]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [
        ((report.topic, report.partition, report.offset), entry)
        for report, entry in zip(reports, entries, strict=True)
    ]
