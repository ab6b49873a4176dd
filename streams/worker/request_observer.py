"""Metrics and log lines of the stage of requests."""

import structlog

from streams.requests.batch import RequestBatch
from streams.requests.state import RequestState
from streams.runtime.observer import CommittedBatch
from streams.worker.stage_observer import StageObserver, first_dead_letter

logger = structlog.get_logger(__name__)


class RequestObserver(StageObserver[RequestState, RequestBatch]):
    """Requests are few: each refusal, each clock that lapses and each batch with dead letters is logged."""

    stage = "requests"

    def partition_name(self, partition: int) -> str:
        """Return the name of a partition on /readyz, different from that of the stage of reports."""
        return f"{partition} of {self.stage}"

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
