"""Metrics, readiness and log lines of the stages' partitions."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

import structlog

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import DEAD_LETTERS
from streams.deciding.partition.batch import Batch, State
from streams.deciding.partition.census import Census, take_census
from streams.deciding.partition.counters import PartitionCounters
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.state import ReporterState
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.census import open_episodes, take_report_census
from streams.deciding.reports.counters import ReportCounters
from streams.deciding.reports.state import ReportState
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.state import RequestState
from streams.running.operations.owned_partitions import EpisodeKind
from streams.running.operations.worker_operations import WorkerOperations
from streams.running.partitions.observer import CommittedBatch, Observer, Takeover
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

Applied = TypeVar("Applied", bound=Batch[Any, Any, Any])

# During a flood of refused records, one log line per partition in this time is enough to act on.
DEAD_LETTERS_LOGGED_SECONDS = 10.0


class StageObserver(Observer[State, Applied]):
    """Reports a stage to metrics and health pages. `stage` is the stage's name, the label of its metrics."""

    stage: str

    def __init__(self, operations: WorkerOperations) -> None:
        self._operations = operations
        self._metrics = operations.metrics
        self._logged_at: dict[int, float] = {}

    def partition_name(self, partition: int) -> int | str:
        """Return the name of a partition on /readyz."""
        return f"{partition} of {self.stage}"

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
        self._operations.readiness.settled(self.partition_name(partition))

    def waits(self, partition: int, destinations: str) -> None:
        """Show the partition as set aside, with the destinations for which it waits."""
        self._operations.partitions.waits(self.stage, partition, destinations)
        self._operations.readiness.settled(self.partition_name(partition))

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
        if counters.switches_refused:
            logger.warning(
                "rules not changed: open cases need categories that the new ones do not have; tried again",
                stage=self.stage,
                partition=batch.partition,
                runbook="docs/runbooks/TocsinRulesDisagree.md",
            )
        metrics.duplicates.add((), counters.duplicates)
        metrics.rekeyed.add((), counters.rekeyed)
        metrics.ticks_read.add(("honoured",), counters.ticks_honoured)
        metrics.ticks_read.add(("ignored",), counters.ticks_ignored)
        metrics.time_corrections.add(("applied",), counters.time_corrected)
        metrics.time_corrections.add(("ignored",), counters.corrections_ignored)
        metrics.clock_outcomes.add(("applied",), counters.clock_outcomes)
        for reason, number in counters.dead_letters.items():
            metrics.dead_letters.add((self.stage, reason), number)
        metrics.refused_reports.add_each(counters.refused_reports)
        for (obligation, event), number in counters.clock_events.items():
            metrics.clock_transitions.add((obligation, event), number)

    def log_dead_letters(self, batch: CommittedBatch[Applied], what: str) -> None:
        """Log the first dead letter of a batch, at most every DEAD_LETTERS_LOGGED_SECONDS."""
        now = time.monotonic()
        logged_at = self._logged_at.get(batch.partition, -DEAD_LETTERS_LOGGED_SECONDS)
        if now - logged_at >= DEAD_LETTERS_LOGGED_SECONDS:
            self._logged_at[batch.partition] = now
            logger.warning(what, **first_dead_letter(batch.result.outputs))


class ReportObserver(StageObserver[ReportState, ReportBatch]):
    """Updates metrics once per batch: only the two latency histograms take longer with more reports."""

    stage = "reports"

    def partition_name(self, partition: int) -> int:
        """Return the number alone, as the name of a partition on /readyz."""
        return partition

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
            self.log_dead_letters(batch, "report refused")
        self._operations.batch_committed(self.stage, batch.partition, opened)

    def rebalanced(self, partitions: int | None) -> None:
        """Record the number of shared partitions, and report the rebalance to /readyz."""
        super().rebalanced(partitions)
        self._operations.readiness.rebalanced()

    def _count_reports(self, counters: ReportCounters) -> Counter[EpisodeKind]:
        """Update the metrics; return the change in open episodes, by policy, mode and level."""
        metrics = self._metrics
        metrics.applied.add((), counters.applied)
        metrics.read_natively.add(("published",), counters.natively)
        metrics.read_natively.add(("channel",), counters.counted_natively)
        metrics.late.add((), counters.late)
        metrics.possible_repeats.add((), counters.possible_repeats)
        metrics.weight_taken_out.add((), counters.weight_taken_out)
        metrics.without_weight.add_each(counters.without_weight)
        metrics.judged_out_of_window.add((), counters.judged_out_of_window)
        metrics.clock_outcomes.add(("passed_on",), counters.clock_outcomes_passed_on)
        metrics.passed_to_reporters.add((), counters.passed_to_reporters)
        metrics.moderation_outcomes.add((), counters.moderation_outcomes)
        metrics.desk_checks.add_each(counters.desk_checks)
        metrics.reports_linked.add((), counters.linked)
        metrics.links_without_effect.add((), counters.links_without_effect)
        for told, number in counters.feedback.items():
            metrics.detector_feedback.add(told, number)
        metrics.integrity_cases.add(("brigade",), counters.brigades)
        for question, number in counters.questions.items():
            metrics.review_questions.add(question, number)
        metrics.samples.add_each(counters.samples)
        for beyond, number in counters.beyond_budget.items():
            metrics.beyond_budget.add((beyond.policy, str(beyond.level), beyond.effect), number)
        for seconds, number in counters.answered_after.items():
            metrics.review_answers.observe(seconds, number)
        opened: Counter[EpisodeKind] = Counter()
        for step, number in counters.escalations.items():
            level = str(step.level)
            metrics.escalations.add((step.policy, step.mode, step.type, level), number)
            opened[step.policy, step.mode, level] += -number if step.type == "resolved" else number
        for before, number in counters.raised_from.items():
            opened[before.policy, before.mode, str(before.level)] -= number
        return opened


class RequestObserver(StageObserver[RequestState, RequestBatch]):
    """Requests are few: each refusal, each clock that lapses and each batch with dead letters is logged."""

    stage = "requests"

    def committed(self, batch: CommittedBatch[RequestBatch]) -> None:
        """Count a batch, and log its refusals, lapsed clocks and first dead letter."""
        self.count_batch(batch)
        counters = batch.result.counters
        for labels, number in counters.requests.items():
            self._metrics.authority_requests.add(labels, number)
        for code, number in counters.refusals.items():
            self._metrics.refusals.add((code,), number)
            logger.warning("a request is refused", partition=batch.partition, code=code, number=number)
        for (obligation, event), number in counters.clock_events.items():
            if event == "lapsed":
                logger.warning("a request's legal clock has lapsed", obligation=obligation, number=number)
        if counters.dead_letters:
            logger.warning("not a valid request", **first_dead_letter(batch.result.outputs))
        self._operations.batch_committed(self.stage, batch.partition, {})


class ReporterObserver(StageObserver[ReporterState, ReporterBatch]):
    """Counts what the stage of reporters stamps, credits and shows to people."""

    stage = "reporters"

    def census(self, state: ReporterState) -> Census:
        """Return the sizes of a state, including its reporters."""
        census = take_census(state)
        return census._replace(
            records={**census.records, "reporters": len(state.reporters) + len(state.parts)},
            sizes={**census.sizes, "reporters": state.reporters.size + state.parts.size},
            memory={**census.memory, "reporters": state.reporters.memory + state.parts.memory},
        )

    def committed(self, batch: CommittedBatch[ReporterBatch]) -> None:
        """Count a batch, and log its first dead letter at most every DEAD_LETTERS_LOGGED_SECONDS."""
        self.count_batch(batch)
        counters, metrics = batch.result.counters, self._metrics
        metrics.read_natively.add(("reporter",), counters.natively)
        metrics.reports_stamped.add_each(counters.stamped)
        metrics.reports_over_limit.add((), counters.over_limit)
        metrics.detector_reports.add((), counters.detector_reports)
        metrics.detector_trust.add((), counters.detector_trust)
        metrics.detectors_held.add_each(counters.detectors_held)
        metrics.detectors_released.add((), counters.detectors_released)
        metrics.findings_held.add((), counters.findings_held)
        metrics.credits.add(("applied",), counters.credits - counters.credits_late)
        metrics.credits.add(("too_old",), counters.credits_late)
        metrics.credits.add(("forwarded",), counters.credits_forwarded)
        metrics.integrity_cases.add_each(counters.cases)
        metrics.standing.add_each(counters.standing)
        if counters.dead_letters:
            self.log_dead_letters(batch, "report refused, or not a record of a worker")
        self._operations.batch_committed(self.stage, batch.partition, {})


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
