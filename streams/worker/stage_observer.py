"""Metrics and readiness of a stage's partitions, as far as all stages have the same."""

from collections.abc import Mapping
from typing import Any, TypeVar

from streams.operations.owned_partitions import EpisodeKind
from streams.operations.worker_operations import WorkerOperations
from streams.partition.batch import Batch, State
from streams.partition.census import Census, take_census
from streams.partition.counters import PartitionCounters
from streams.runtime.observer import CommittedBatch, Observer, Takeover
from streams.runtime.wall_clock import clock_ms
from streams.wire.records import OutputRecord
from streams.wire.topics import DEAD_LETTERS

Applied = TypeVar("Applied", bound=Batch[Any, Any, Any])


class StageObserver(Observer[State, Applied]):
    """Reports a stage to metrics and health pages. `stage` is the stage's name, the label of its metrics."""

    stage: str

    def __init__(self, operations: WorkerOperations) -> None:
        self._operations = operations
        self._metrics = operations.metrics

    def partition_name(self, partition: int) -> int | str:
        """Return the name of a partition on /readyz."""
        return partition

    def census(self, state: State) -> Census:
        """Return the sizes of a state; called at every scrape."""
        return take_census(state)

    def open_episodes(self, state: State) -> Mapping[EpisodeKind, int]:  # noqa: ARG002
        """Return the open episodes of a restored state by policy, mode and level; empty in most stages."""
        return {}

    def taking_over(self, partition: int) -> None:
        """Report not ready until the partition is restored."""
        self._operations.readiness.taking_over(self.partition_name(partition))

    def restoring(self, partition: int) -> None:  # noqa: ARG002
        """Tell the watchdog that a restore is making progress."""
        self._operations.readiness.restoring_goes_on()

    def taken_over(self, takeover: Takeover[State]) -> None:
        """Count the takeover, and include the partition's state in every scrape from now on."""
        self._metrics.takeover_duration.observe(takeover.seconds)
        self._metrics.restored_records.add((), takeover.records)
        state = takeover.state
        self._operations.partitions.taken_over(
            self.stage, takeover.partition, lambda: self.census(state), self.open_episodes(state)
        )
        self._operations.readiness.settled(self.partition_name(takeover.partition))

    def released(self, partition: int) -> None:
        """Remove the partition from scrapes."""
        self._operations.partitions.released(self.stage, partition)
        self._operations.readiness.settled(self.partition_name(partition))

    def rebalanced(self, partitions: int | None) -> None:
        """Record how many partitions all workers share; None if that is unknown."""
        if partitions is not None:
            self._operations.partitions.shared(self.stage, partitions)

    def ticked(self, partition: int) -> None:  # noqa: ARG002
        """Count a tick that was written."""
        self._metrics.ticks_written.add(())

    def transaction_failed(self, partition: int, *, fenced: bool) -> None:  # noqa: ARG002
        """Count a transaction that failed; the worker stops after it."""
        self._metrics.transactions_failed.add(("fenced" if fenced else "not_committed",))

    def clocks_compared(self, partition: int, ahead_ms: int) -> None:
        """Show the difference of the clocks at the next scrapes."""
        self._operations.partitions.clocks_compared(self.stage, partition, ahead_ms / 1000)

    def resting(self, partition: int, sources: Mapping[str, str]) -> None:
        """Show the sources that rest at the next scrapes."""
        self._operations.partitions.resting(self.stage, partition, sources)

    def set_aside(self, partition: int, records: str, error: str) -> None:
        """Show the partition as set aside, with what its state held last."""
        self._operations.partitions.set_aside(self.stage, partition, records, error)

    def read_again(self, partition: int, state: State) -> None:
        """Include the partition's new state in every scrape."""
        self._operations.partitions.read_again(self.stage, partition, lambda: self.census(state))

    def recovered(self, partition: int) -> None:
        """Show the partition as set aside no longer."""
        self._operations.partitions.recovered(self.stage, partition)

    def count_batch(self, batch: CommittedBatch[Applied]) -> None:
        """Count a batch: its records and their age, its transaction, and what every stage counts."""
        metrics = self._metrics
        for topic, number in batch.records.items():
            metrics.records.add((topic,), number)
        metrics.append_to_commit.observe_ages(batch.append_times, clock_ms())
        metrics.batch_records.observe(len(batch.append_times))
        metrics.transaction_duration.observe(batch.transaction_seconds)
        counters: PartitionCounters = batch.result.counters
        metrics.duplicates.add((), counters.duplicates)
        metrics.rekeyed.add((), counters.rekeyed)
        metrics.ticks_read.add(("honoured",), counters.ticks_honoured)
        metrics.ticks_read.add(("ignored",), counters.ticks_ignored)
        metrics.time_corrections.add(("applied",), counters.time_corrected)
        metrics.time_corrections.add(("ignored",), counters.corrections_ignored)
        metrics.clock_outcomes.add(("applied",), counters.clock_outcomes)
        for reason, number in counters.dead_letters.items():
            metrics.dead_letters.add((self.stage, reason), number)
        for (obligation, event), number in counters.clock_events.items():
            metrics.clock_transitions.add((obligation, event), number)


def first_dead_letter(outputs: list[OutputRecord]) -> dict[str, object]:
    """Return the log fields of a batch's dead letters: place and reason of the first, and their number.

    Empty if there are none.
    """
    written = [dict(record.headers) for record in outputs if record.topic == DEAD_LETTERS]
    if not written:
        return {}
    first = written[0]
    return {
        "partition": int(first["tocsin-partition"]),
        "offset": int(first["tocsin-offset"]),
        "topic": first["tocsin-topic"].decode(),
        "reason": first["tocsin-reason"].decode(),
        "field": first["tocsin-field"].decode(),
        "in_this_batch": len(written),
    }
