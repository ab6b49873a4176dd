"""Metrics of the stage of reporters."""

import structlog

from streams.partition.census import Census, take_census
from streams.reporters.batch import ReporterBatch
from streams.reporters.state import ReporterState
from streams.runtime.observer import CommittedBatch
from streams.worker.stage_observer import StageObserver, first_dead_letter

logger = structlog.get_logger(__name__)


class ReporterObserver(StageObserver[ReporterState, ReporterBatch]):
    """Counts what the stage of reporters stamps, credits and shows to people."""

    stage = "reporters"

    def partition_name(self, partition: int) -> str:
        """Return the name of a partition on /readyz, different from that of the stage of reports."""
        return f"{partition} of {self.stage}"

    def census(self, state: ReporterState) -> Census:
        """Return the sizes of a state, including its reporters."""
        census = take_census(state)
        return census._replace(
            records={**census.records, "reporters": len(state.reporters)},
            sizes={**census.sizes, "reporters": state.reporters.size},
        )

    def committed(self, batch: CommittedBatch[ReporterBatch]) -> None:
        """Count a batch, and log its first dead letter: there are none unless somebody else writes to the topic."""
        self.count_batch(batch)
        counters, metrics = batch.result.counters, self._metrics
        for trust_class, number in counters.stamped.items():
            metrics.reports_stamped.add((trust_class,), number)
        metrics.reports_over_limit.add((), counters.over_limit)
        metrics.detector_reports.add((), counters.detector_reports)
        metrics.detector_trust.add((), counters.detector_trust)
        metrics.credits.add(("applied",), counters.credits - counters.credits_late)
        metrics.credits.add(("too_old",), counters.credits_late)
        metrics.credits.add(("forwarded",), counters.credits_forwarded)
        for kind, number in counters.cases.items():
            metrics.integrity_cases.add((kind,), number)
        if counters.dead_letters:
            logger.warning("not a record of a worker", **first_dead_letter(batch.result.outputs))
        self._operations.batch_committed(self.stage, batch.partition, {})
