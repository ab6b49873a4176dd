"""Tells the metrics what happens to the partitions of a stage, as far as it is the same in every stage."""

import time
from collections.abc import Mapping
from typing import TypeVar

from streams.operations.owned_partitions import EpisodeKind
from streams.operations.worker_operations import WorkerOperations
from streams.partition.census import Census, take_census
from streams.partition.state import PartitionMemory
from streams.runtime.observer import CommittedBatch, Observer, Takeover

DEAD_LETTER = "dead_letter"

Memory = TypeVar("Memory", bound=PartitionMemory)


class StageObserver(Observer[Memory]):
    """`stage` is the stage's name, the label of its metrics."""

    stage: str

    def __init__(self, operations: WorkerOperations) -> None:
        self._operations = operations
        self._metrics = operations.metrics

    def named(self, partition: int) -> int | str:
        """How readiness calls a partition."""
        return partition

    def census(self, state: Memory) -> Census:
        """What a state consists of, asked at every scrape."""
        return take_census(state)

    def open_episodes(self, state: Memory) -> Mapping[EpisodeKind, int]:  # noqa: ARG002
        """The open episodes of a state that was restored; none unless the stage has such."""
        return {}

    def taking_over(self, partition: int) -> None:
        """Not ready until it is restored."""
        self._operations.readiness.taking_over(self.named(partition))

    def restoring(self, partition: int) -> None:  # noqa: ARG002
        """Getting on."""
        self._operations.readiness.restoring_goes_on()

    def taken_over(self, takeover: Takeover[Memory]) -> None:
        """Count, and look into the state at every scrape from now on."""
        self._metrics.takeover_duration.observe(takeover.seconds)
        self._metrics.restored_records.add((), takeover.records)
        state = takeover.state
        self._operations.partitions.taken_over(
            self.stage, takeover.partition, lambda: self.census(state), self.open_episodes(state)
        )
        self._operations.readiness.settled(self.named(takeover.partition))

    def released(self, partition: int) -> None:
        """Show it no longer."""
        self._operations.partitions.released(self.stage, partition)
        self._operations.readiness.settled(self.named(partition))

    def rebalanced(self, partitions: int | None) -> None:
        """Show how many there are beside how many are ours."""
        if partitions is not None:
            self._operations.partitions.shared(self.stage, partitions)

    def ticked(self, partition: int) -> None:  # noqa: ARG002
        """Count a tick."""
        self._metrics.ticks_written.add(())

    def transaction_failed(self, partition: int, *, fenced: bool) -> None:  # noqa: ARG002
        """Count what will stop the worker."""
        self._metrics.transactions_failed.add(("fenced" if fenced else "not_committed",))

    def count_batch(self, batch: CommittedBatch[Memory]) -> None:
        """Count the records of a batch, how old they were, and its transaction."""
        metrics = self._metrics
        for topic, number in batch.records.items():
            metrics.records.add((topic,), number)
        metrics.append_to_commit.observe_ages(batch.append_times, int(time.time() * 1000))
        metrics.batch_records.observe(len(batch.append_times))
        metrics.transaction_duration.observe(batch.transaction_seconds)

    def count(self, name: str, number: int) -> bool:
        """Count what an outcome's counter says; False if its name is one of the stage's own."""
        metrics = self._metrics
        kind, _, label = name.partition(":")
        if kind == "duplicates":
            metrics.duplicates.add((), number)
        elif kind == "rekeyed":
            metrics.rekeyed.add((), number)
        elif kind == DEAD_LETTER:
            metrics.dead_letters.add((self.stage, label), number)
        elif kind in ("ticks_honoured", "ticks_ignored"):
            metrics.ticks_read.add((kind.removeprefix("ticks_"),), number)
        else:
            return metrics.count_law(name, number)
        return True
