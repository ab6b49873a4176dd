"""Runs the same records through the Python core and the native one, and compares everything that comes of
them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reports.rules import compile_report_rules
from streams.registry.rules import Rules
from tests.native.twin import direct_report_stage, no_messages
from tests.unit.traffic import Record


class BothCores:
    """One partition on both cores. `native` counts the records that the native core applied, `all` all of
    them.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        partition: int = 0,
        partitions: int = 1,
        remembered: int = 5_000_000,
    ) -> None:
        self._place = partition, partitions
        settings = PartitionSettings(duplicates_most=remembered)
        self._stages = [
            direct_report_stage(compile_report_rules(rules, settings=settings, native=native))
            for native in (None, "direct")
        ]
        self._states = [stage.restore(*self._place) for stage in self._stages]
        self._stored: list[dict[bytes, bytes]] = [{}, {}]
        self.native = self.all = 0

    def apply(self, records: Sequence[Record]) -> Any:
        """Apply records on both, raise AssertionError if anything differs, and return Python's batch."""
        with no_messages():
            wanted, found = (
                stage.apply(state, records) for stage, state in zip(self._stages, self._states, strict=True)
            )
        self.all += len(records)
        for output, other in zip(wanted.outputs, found.outputs, strict=True):
            assert output == other
            assert type(output) is type(other)
        assert found.changes == wanted.changes
        self.native += found.counters.natively
        assert replace(found.counters, natively=0) == wanted.counters
        assert found.event_times == wanted.event_times
        assert found.finished_records == wanted.finished_records
        assert found.refused == wanted.refused
        for stored, batch in zip(self._stored, (wanted, found), strict=True):
            stored.update(batch.changes)
        self._compare_states()
        return wanted

    def tick(self, clock_ms: int) -> Record | None:
        """Return the tick that a worker would append at that time, None if nothing is due."""
        output = self._stages[0].tick(self._states[0], clock_ms)
        if output is None:
            return None
        offset = self.all
        return Record(
            output.topic, self._place[0], offset, clock_ms, output.key, output.value, list(output.headers)
        )

    def restart(self, *, swap: bool = False) -> None:
        """Restore both states from what they have written; with `swap`, each from what the other one has
        written.
        """
        stored = self._stored[::-1] if swap else self._stored
        self._states = [
            stage.restore(*self._place, [(key, value) for key, value in entries.items() if value is not None])
            for stage, entries in zip(self._stages, stored, strict=True)
        ]
        self._compare_states()

    def _compare_states(self) -> None:
        wanted, found = (tuple(_facts(state)) for state in self._states)
        assert found == wanted


def _facts(state: Any) -> Iterator[Any]:
    time = state.time
    yield time.now, time.applied, time.newest_append, time.ticks, time.corrections
    yield state.breaker.encode()
    yield len(state.recent), state.recent.forgotten_until
    yield state.next_due(), state.changed_bytes()
    yield len(state.counts), state.counts.size, state.counts.next_expiry(), state.counts.last_expiry()
    yield state.episodes
    yield len(state.daily)
