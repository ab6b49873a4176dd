"""Tells the metrics what happens to the partitions of the report stage."""

import time
from collections import Counter
from collections.abc import Mapping

import structlog

from streams.assessment.application_loop import DEAD_LETTERS
from streams.assessment.census import open_episodes, take_census
from streams.assessment.partition_state import PartitionState
from streams.operations.dead_letter_log import first_of
from streams.operations.owned_partitions import EpisodeKind
from streams.operations.worker_operations import WorkerOperations
from streams.runtime.observer import CommittedBatch, Observer, Takeover

logger = structlog.get_logger(__name__)

STAGE = "reports"
DEAD_LETTER = "dead_letter"

# While a flood of bad records goes on, one line per partition in this time is enough to act on.
DEAD_LETTERS_LOGGED_SECONDS = 10.0


class ReportObserver(Observer[PartitionState]):
    """Counts once per batch: nothing here grows with the number of reports but the two histograms of latency."""

    def __init__(self, operations: WorkerOperations) -> None:
        self._operations = operations
        self._metrics = operations.metrics
        self._logged_at: dict[int, float] = {}

    def taking_over(self, partition: int) -> None:
        """Not ready until it is restored."""
        self._operations.readiness.taking_over(partition)

    def restoring(self, partition: int) -> None:  # noqa: ARG002
        """Getting on."""
        self._operations.readiness.restoring_goes_on()

    def taken_over(self, takeover: Takeover[PartitionState]) -> None:
        """Count, and look into the state at every scrape from now on."""
        self._metrics.takeover_duration.observe(takeover.seconds)
        self._metrics.restored_records.add((), takeover.records)
        self._operations.partitions.taken_over(
            STAGE,
            takeover.partition,
            lambda: take_census(takeover.state),
            {
                (policy, mode, str(level)): number
                for (policy, mode, level), number in open_episodes(takeover.state).items()
            },
        )
        self._operations.readiness.settled(takeover.partition)

    def released(self, partition: int) -> None:
        """Show it no longer."""
        self._operations.partitions.released(STAGE, partition)
        self._operations.readiness.settled(partition)

    def committed(self, batch: CommittedBatch[PartitionState]) -> None:
        """Count a batch."""
        now_ms = int(time.time() * 1000)
        metrics = self._metrics
        for topic, number in batch.records.items():
            metrics.records.add((topic,), number)
        metrics.append_to_commit.observe_ages(batch.append_times, now_ms)
        metrics.event_to_commit.observe_ages(batch.outcome.event_times, now_ms)
        metrics.batch_records.observe(len(batch.append_times))
        metrics.transaction_duration.observe(batch.transaction_seconds)
        opened = self._count(batch.outcome.counters)
        if any(name.startswith(DEAD_LETTER) for name in batch.outcome.counters):
            self._log_dead_letters(batch)
        self._operations.batch_committed(STAGE, batch.partition, opened)

    def ticked(self, partition: int) -> None:  # noqa: ARG002
        """Count a tick."""
        self._metrics.ticks_written.add(())

    def transaction_failed(self, partition: int, *, fenced: bool) -> None:  # noqa: ARG002
        """Count what will stop the worker."""
        self._metrics.transactions_failed.add(("fenced" if fenced else "not_committed",))

    def rebalanced(self) -> None:
        """Ready."""
        self._operations.readiness.rebalanced()

    def _count(self, counters: Mapping[str, int]) -> Counter[EpisodeKind]:
        """Count what happened; gives how many more episodes are open than before, by policy, mode and level."""
        metrics = self._metrics
        plain = {
            "applied": metrics.applied,
            "late": metrics.late,
            "duplicates": metrics.duplicates,
            "rekeyed": metrics.rekeyed,
        }
        opened: Counter[EpisodeKind] = Counter()
        for name, number in counters.items():
            kind, *labels = name.split(":")
            if kind in plain:
                plain[kind].add((), number)
            elif kind == DEAD_LETTER:
                metrics.dead_letters.add((STAGE, labels[0]), number)
            elif kind == "escalation":
                policy, mode, event, level = labels
                metrics.escalations.add((policy, mode, event, level), number)
                opened[policy, mode, level] += -number if event == "resolved" else number
            elif kind == "raised":
                policy, mode, level_before = labels
                opened[policy, mode, level_before] -= number
            elif not metrics.count_law(name, number):
                metrics.ticks_read.add((kind.removeprefix("ticks_"),), number)
        return opened

    def _log_dead_letters(self, batch: CommittedBatch[PartitionState]) -> None:
        now = time.monotonic()
        if (
            now - self._logged_at.get(batch.partition, -DEAD_LETTERS_LOGGED_SECONDS)
            < DEAD_LETTERS_LOGGED_SECONDS
        ):
            return
        self._logged_at[batch.partition] = now
        written = [headers for topic, _, _, _, headers in batch.outcome.outputs if topic == DEAD_LETTERS]
        logger.warning("a record is no valid report", **first_of(written))
