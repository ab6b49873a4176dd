"""Runs the same records through the Python core and the native one, and compares everything that comes of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL
from streams.deciding.partition.core import CoreName
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys
from streams.deciding.partition.limits import UNLIMITED, Limits
from streams.deciding.partition.settings import DEFAULTS, PartitionSettings
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.stage import report_stage
from streams.registry.rules import Rules
from tests.unit.traffic import Record

Place = tuple[int, int]

LONG_SOURCE = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"x"),
    ("ce_source", "\u20ac".encode() * 341),
    ("ce_type", b"tocsin.report.v1"),
]
"""Headers of a report whose source is counted in characters, of three bytes each."""


class BothStages:
    """One partition of a stage on both cores. `make(core)` makes the stage.

    With `cores` it is two times on one of them. `stored` is the state that each has written. `natively` counts
    the reports that the second one handled natively, `counted_natively` those that it counted so, `applied` all
    that were applied.
    """

    def __init__(
        self,
        make: Callable[[CoreName], Any],
        place: Place,
        cores: tuple[CoreName, CoreName] = ("python", "native"),
    ) -> None:
        self._place = place
        self.stages = [make(core) for core in cores]
        self.states = [stage.restore(*place) for stage in self.stages]
        self.stored: list[dict[bytes, bytes | None]] = [{}, {}]
        self._offset = 0
        self.natively = self.counted_natively = self.applied = 0

    def apply(self, records: Iterable[Record], limits: Limits = UNLIMITED) -> list[Any]:
        """Apply records on both, and raise AssertionError if anything differs; return Python's batches.

        Each goes on where the one before was cut.
        """
        left = []
        for record in records:
            left.append(record._replace(offset=self._offset, partition=self._place[0]))
            self._offset += 1
        batches = []
        while left:
            wanted, found = (
                list(stage.apply_in_slices(state, left, limits))[-1]
                for stage, state in zip(self.stages, self.states, strict=True)
            )
            self._compare(wanted, found)
            left = left[found.finished_records :]
            batches.append(wanted)
        return batches

    def restart(self, *, swap: bool = False) -> None:
        """Restore both states from what they have written; with `swap`, each from what the other one has."""
        self.states = [self._restored(number, 1 - number if swap else number) for number in range(2)]
        self._compare_states()

    def restart_second(self) -> None:
        """Restore the second state from what it has written; the first one goes on with what it remembers."""
        self.states[1] = self._restored(1, 1)
        self._compare_states()

    def tick(self, clock_ms: int) -> list[Record]:
        """Return the tick that a worker would append at that time, none if nothing is due."""
        output = self.stages[0].tick(self.states[0], clock_ms)
        return [] if output is None else [read(output, clock_ms)]

    def _restored(self, number: int, written_by: int) -> Any:
        stored = [(key, value) for key, value in self.stored[written_by].items() if value is not None]
        return self.stages[number].restore(*self._place, stored)

    def _compare(self, wanted: Any, found: Any) -> None:
        for output, other in zip(wanted.outputs, found.outputs, strict=True):
            assert output == other
            assert type(output) is type(other)
        assert found.changes == wanted.changes
        assert all_but_natively(found.counters) == all_but_natively(wanted.counters)
        assert found.event_times == wanted.event_times
        assert found.refused == wanted.refused
        assert found.finished_records == wanted.finished_records
        assert found.finished_entries == wanted.finished_entries
        for stored, batch in zip(self.stored, (wanted, found), strict=True):
            stored.update(batch.changes)
        self.natively += found.counters.natively
        self.counted_natively += getattr(found.counters, "counted_natively", 0)
        self.applied += wanted.counters.applied
        self._compare_states()

    def _compare_states(self) -> None:
        wanted, found = (_facts(state) for state in self.states)
        assert found == wanted


class BothCores:
    """One partition of all stages that a report passes, on both cores, or two times on one of them.

    `arriving` says what arrives of what was passed on to this partition.
    """

    def __init__(
        self,
        rules: Rules,
        place: Place = (0, 1),
        settings: PartitionSettings = DEFAULTS,
        keys: HashKeys = DEMONSTRATION,
        *,
        cores: tuple[CoreName, CoreName] = ("python", "native"),
        arriving: Callable[[Record], Record] = lambda record: record,
    ) -> None:
        self.reports = BothStages(
            lambda core: report_stage(compile_report_rules(rules, settings=settings, hash_keys=keys), core),
            place,
            cores,
        )
        self.reporters = BothStages(
            lambda core: reporter_stage(
                compile_reporter_rules(rules, settings=settings, hash_key=keys.current), core
            ),
            place,
            cores,
        )
        self._arriving = arriving
        self._partition = place[0]

    def apply(
        self, records: Sequence[Record], appended: int, limits: Limits = UNLIMITED
    ) -> list[OutputRecord]:
        """Apply published records and what follows from them here, all appended at `appended` (ms).

        Returns what is written for others.
        """
        written: list[OutputRecord] = []
        while records:
            passed = self._written(self.reports, records, limits, written)
            own = [read(output, appended) for output in passed if output.topic == REPORTERS_INTERNAL]
            passed += self._written(self.reporters, own, limits, written)
            records = [
                self._arriving(read(output, appended))
                for output in passed
                if output.topic == MESSAGE_REPORTS_INTERNAL
            ]
        return written

    def tick(self, clock_ms: int) -> None:
        """Apply the ticks that a worker would append at that time."""
        for stage in (self.reports, self.reporters):
            stage.apply(stage.tick(clock_ms))

    def restart(self, *, swap: bool = False) -> None:
        """Restore all states from what was written; with `swap`, each from what the other core has written."""
        self.reports.restart(swap=swap)
        self.reporters.restart(swap=swap)

    def restart_second(self) -> None:
        """Restore the second state of each stage from what it has written."""
        self.reports.restart_second()
        self.reporters.restart_second()

    def _written(
        self, stage: BothStages, records: Iterable[Record], limits: Limits, others: list[OutputRecord]
    ) -> list[OutputRecord]:
        """Return what a stage passes on to this partition, and add to `others` what it writes for others."""
        passed = []
        for batch in stage.apply(records, limits):
            for output in batch.outputs:
                if output.topic in (MESSAGE_REPORTS_INTERNAL, REPORTERS_INTERNAL):
                    passed += [output] if output.partition in (None, self._partition) else []
                else:
                    others.append(output)
        return passed


def read(output: OutputRecord, appended: int) -> Record:
    """What was written, as it is read; where it is in the log is said when it is applied."""
    return Record(
        output.topic, output.partition or 0, 0, appended, output.key, output.value, list(output.headers)
    )


def _facts(state: Any) -> list[Any]:
    time = state.time
    facts = [
        (time.now, time.applied, time.newest_append, time.ticks, time.corrections),
        state.breaker.encode(),
        (len(state.recent), state.recent.forgotten_until),
        (state.next_due(), state.changed_bytes(), len(state.daily)),
    ]
    if hasattr(state, "reporters"):
        store = state.reporters
        facts += [(len(store), store.size, store.changed_bytes, store.next_expiry()), sorted(store)]
    else:
        counts = state.counts
        facts += [(len(counts), counts.size, counts.next_expiry(), counts.last_expiry()), state.episodes]
        facts += [(len(store), store.size, store.next_expiry()) for store in state.crowd.by_kind.values()]
    return facts


def all_but_natively(counters: Any) -> Any:
    """Return the counters of a batch without those that say which core did something."""
    zeros = {each.name: 0 for each in fields(counters) if each.name.endswith("natively")}
    return replace(counters, **zeros)
