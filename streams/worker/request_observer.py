"""Tells the metrics what happens to the partitions of the request stage."""

import structlog

from streams.operations.dead_letter_log import first_of
from streams.requests.state import RequestState
from streams.runtime.observer import CommittedBatch
from streams.wire.topics import DEAD_LETTERS
from streams.worker.stage_observer import StageObserver

logger = structlog.get_logger(__name__)


class RequestObserver(StageObserver[RequestState]):
    """Requests are few: each refusal, each clock that lapses and each batch with dead letters is a line in the log."""

    stage = "requests"

    def named(self, partition: int) -> str:
        """Apart from the partition of reports with the same number."""
        return f"{partition} of {self.stage}"

    def committed(self, batch: CommittedBatch[RequestState]) -> None:
        """Count a batch."""
        self.count_batch(batch)
        for name, number in batch.outcome.counters.items():
            self.count(name, number)
            _log(batch.partition, name, number)
        written = [headers for topic, _, _, _, headers in batch.outcome.outputs if topic == DEAD_LETTERS]
        if written:
            logger.warning("a record is no valid request", **first_of(written))
        self._operations.batch_committed(self.stage, batch.partition, {})


def _log(partition: int, name: str, number: int) -> None:
    kind, *labels = name.split(":")
    if kind == "refused":
        logger.warning("a request is refused", partition=partition, code=labels[0], number=number)
    elif kind == "clock" and labels[1] == "lapsed":
        logger.warning("a request's legal clock has lapsed", obligation=labels[0], number=number)
