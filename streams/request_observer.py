"""Tells the metrics what happens to the partitions of the request stage."""

import time

import structlog

from streams.assessment.application_loop import DEAD_LETTERS
from streams.assessment.census import take_census
from streams.assessment.requests.request_state import RequestState
from streams.operations.dead_letter_log import first_of
from streams.operations.worker_operations import WorkerOperations
from streams.runtime.observer import CommittedBatch, Observer, Takeover

logger = structlog.get_logger(__name__)

STAGE = "requests"


class RequestObserver(Observer[RequestState]):
    """Counts with the report stage's metrics what both stages do: records by topic, dead letters, ticks, clocks.

    Requests are few: each refusal, each clock that lapses and each batch with dead letters is a line in the log.
    """

    def __init__(self, operations: WorkerOperations) -> None:
        self._operations = operations
        self._metrics = operations.metrics

    def taking_over(self, partition: int) -> None:
        """Not ready until it is restored."""
        self._operations.readiness.taking_over(_name(partition))

    def restoring(self, partition: int) -> None:  # noqa: ARG002
        """Getting on."""
        self._operations.readiness.restoring_goes_on()

    def taken_over(self, takeover: Takeover[RequestState]) -> None:
        """Count, and look into the state at every scrape from now on."""
        self._metrics.takeover_duration.observe(takeover.seconds)
        self._metrics.restored_records.add((), takeover.records)
        state = takeover.state
        self._operations.partitions.taken_over(STAGE, takeover.partition, lambda: take_census(state), {})
        self._operations.readiness.settled(_name(takeover.partition))

    def released(self, partition: int) -> None:
        """Show it no longer."""
        self._operations.partitions.released(STAGE, partition)
        self._operations.readiness.settled(_name(partition))

    def committed(self, batch: CommittedBatch[RequestState]) -> None:
        """Count a batch."""
        metrics = self._metrics
        for topic, number in batch.records.items():
            metrics.records.add((topic,), number)
        metrics.append_to_commit.observe_ages(batch.append_times, int(time.time() * 1000))
        metrics.batch_records.observe(len(batch.append_times))
        metrics.transaction_duration.observe(batch.transaction_seconds)
        for name, number in batch.outcome.counters.items():
            kind, *labels = name.split(":")
            if kind == "duplicates":
                metrics.duplicates.add((), number)
            elif kind == "rekeyed":
                metrics.rekeyed.add((), number)
            elif kind == "dead_letter":
                metrics.dead_letters.add((STAGE, labels[0]), number)
            elif kind in ("ticks_honoured", "ticks_ignored"):
                metrics.ticks_read.add((kind.removeprefix("ticks_"),), number)
            elif metrics.count_law(name, number):
                _log(batch.partition, kind, labels, number)
        written = [headers for topic, _, _, _, headers in batch.outcome.outputs if topic == DEAD_LETTERS]
        if written:
            logger.warning("a record is no valid request", **first_of(written))
        self._operations.batch_committed(STAGE, batch.partition, {})

    def ticked(self, partition: int) -> None:  # noqa: ARG002
        """Count a tick."""
        self._metrics.ticks_written.add(())

    def transaction_failed(self, partition: int, *, fenced: bool) -> None:  # noqa: ARG002
        """Count what will stop the worker."""
        self._metrics.transactions_failed.add(("fenced" if fenced else "not_committed",))


def _log(partition: int, kind: str, labels: list[str], number: int) -> None:
    if kind == "refused":
        logger.warning("a request is refused", partition=partition, code=labels[0], number=number)
    elif kind == "clock" and labels[1] == "lapsed":
        logger.warning("a request's legal clock has lapsed", obligation=labels[0], number=number)


def _name(partition: int) -> str:
    return f"{partition} of {STAGE}"
