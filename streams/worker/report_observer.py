"""Tells the metrics what happens to the partitions of the report stage."""

import time
from collections import Counter
from collections.abc import Mapping

import structlog

from streams.operations.dead_letter_log import first_of
from streams.operations.owned_partitions import EpisodeKind
from streams.operations.worker_operations import WorkerOperations
from streams.partition.census import Census
from streams.reports.census import open_episodes, take_report_census
from streams.reports.state import PartitionState
from streams.runtime.observer import CommittedBatch
from streams.wire.topics import DEAD_LETTERS
from streams.worker.stage_observer import DEAD_LETTER, StageObserver

logger = structlog.get_logger(__name__)

# While a flood of bad records goes on, one line per partition in this time is enough to act on.
DEAD_LETTERS_LOGGED_SECONDS = 10.0


class ReportObserver(StageObserver[PartitionState]):
    """Counts once per batch: nothing here grows with the number of reports but the two histograms of latency."""

    stage = "reports"

    def __init__(self, operations: WorkerOperations) -> None:
        super().__init__(operations)
        self._logged_at: dict[int, float] = {}

    def census(self, state: PartitionState) -> Census:
        """With counts and episodes."""
        return take_report_census(state)

    def open_episodes(self, state: PartitionState) -> Mapping[EpisodeKind, int]:
        """By policy, mode and level."""
        return {
            (policy, mode, str(level)): number
            for (policy, mode, level), number in open_episodes(state).items()
        }

    def committed(self, batch: CommittedBatch[PartitionState]) -> None:
        """Count a batch."""
        self.count_batch(batch)
        self._metrics.event_to_commit.observe_ages(batch.outcome.event_times, int(time.time() * 1000))
        opened = self._count_reports(batch.outcome.counters)
        if any(name.startswith(DEAD_LETTER) for name in batch.outcome.counters):
            self._log_dead_letters(batch)
        self._operations.batch_committed(self.stage, batch.partition, opened)

    def rebalanced(self, partitions: int | None) -> None:
        """Ready."""
        super().rebalanced(partitions)
        self._operations.readiness.rebalanced()

    def _count_reports(self, counters: Mapping[str, int]) -> Counter[EpisodeKind]:
        """Count what happened; gives how many more episodes are open than before, by policy, mode and level."""
        metrics = self._metrics
        opened: Counter[EpisodeKind] = Counter()
        for name, number in counters.items():
            kind, *labels = name.split(":")
            if kind == "applied":
                metrics.applied.add((), number)
            elif kind == "late":
                metrics.late.add((), number)
            elif kind == "escalation":
                policy, mode, event, level = labels
                metrics.escalations.add((policy, mode, event, level), number)
                opened[policy, mode, level] += -number if event == "resolved" else number
            elif kind == "raised":
                policy, mode, level_before = labels
                opened[policy, mode, level_before] -= number
            else:
                self.count(name, number)
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
