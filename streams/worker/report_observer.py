"""Metrics and log lines of the stage of reports."""

import time
from collections import Counter
from collections.abc import Mapping

import structlog

from streams.operations.owned_partitions import EpisodeKind
from streams.operations.worker_operations import WorkerOperations
from streams.partition.census import Census
from streams.reports.batch import ReportBatch
from streams.reports.census import open_episodes, take_report_census
from streams.reports.counters import ReportCounters
from streams.reports.state import ReportState
from streams.runtime.observer import CommittedBatch, Takeover
from streams.runtime.wall_clock import clock_ms
from streams.wire.envelope import rfc3339
from streams.worker.stage_observer import StageObserver, first_dead_letter

logger = structlog.get_logger(__name__)

# During a flood of invalid records, one log line per partition in this time is enough to act on.
DEAD_LETTERS_LOGGED_SECONDS = 10.0


class ReportObserver(StageObserver[ReportState, ReportBatch]):
    """Updates metrics once per batch: only the two latency histograms take longer with more reports."""

    stage = "reports"

    def __init__(self, operations: WorkerOperations) -> None:
        super().__init__(operations)
        self._logged_at: dict[int, float] = {}

    def census(self, state: ReportState) -> Census:
        """Return the sizes of a state, including counts and episodes."""
        return take_report_census(state)

    def open_episodes(self, state: ReportState) -> Mapping[EpisodeKind, int]:
        """Return the number of open episodes of a restored state by policy, mode and level."""
        return {
            (policy, mode, str(level)): number
            for (policy, mode, level), number in open_episodes(state).items()
        }

    def taken_over(self, takeover: Takeover[ReportState]) -> None:
        """Count the takeover, and log whether reporters are still counted under earlier keys."""
        super().taken_over(takeover)
        for key, until in takeover.state.reporter_keys.earlier.items():
            logger.info(
                "reporters are moved over from an earlier hash key, which is needed until then",
                partition=takeover.partition,
                hash_key=takeover.state.reporter_keys.current,
                earlier_hash_key=key,
                until=rfc3339(until),
            )

    def committed(self, batch: CommittedBatch[ReportBatch]) -> None:
        """Count a batch, and log its first dead letter at most every DEAD_LETTERS_LOGGED_SECONDS."""
        self.count_batch(batch)
        result = batch.result
        self._metrics.event_to_commit.observe_ages(result.event_times, clock_ms())
        opened = self._count_reports(result.counters)
        if result.counters.dead_letters:
            self._log_dead_letters(batch)
        self._operations.batch_committed(self.stage, batch.partition, opened)

    def rebalanced(self, partitions: int | None) -> None:
        """Record the number of shared partitions, and report the rebalance to /readyz."""
        super().rebalanced(partitions)
        self._operations.readiness.rebalanced()

    def _count_reports(self, counters: ReportCounters) -> Counter[EpisodeKind]:
        """Update the metrics; return the change in open episodes, by policy, mode and level."""
        metrics = self._metrics
        metrics.applied.add((), counters.applied)
        metrics.applied_natively.add((), counters.applied_natively)
        metrics.late.add((), counters.late)
        metrics.clock_outcomes.add(("passed_on",), counters.clock_outcomes_passed_on)
        metrics.passed_to_reporters.add((), counters.passed_to_reporters)
        metrics.moderation_outcomes.add((), counters.moderation_outcomes)
        metrics.reports_linked.add((), counters.linked)
        metrics.links_without_effect.add((), counters.links_without_effect)
        metrics.integrity_cases.add(("brigade",), counters.brigades)
        opened: Counter[EpisodeKind] = Counter()
        for step, number in counters.escalations.items():
            level = str(step.level)
            metrics.escalations.add((step.policy, step.mode, step.type, level), number)
            opened[step.policy, step.mode, level] += -number if step.type == "resolved" else number
        for before, number in counters.raised_from.items():
            opened[before.policy, before.mode, str(before.level)] -= number
        return opened

    def _log_dead_letters(self, batch: CommittedBatch[ReportBatch]) -> None:
        now = time.monotonic()
        logged_at = self._logged_at.get(batch.partition, -DEAD_LETTERS_LOGGED_SECONDS)
        if now - logged_at >= DEAD_LETTERS_LOGGED_SECONDS:
            self._logged_at[batch.partition] = now
            logger.warning("not a valid report", **first_dead_letter(batch.result.outputs))
