"""Writes to topics as a publisher does: idempotently, as fast as possible or at a rate."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from streams.commands.shared.reading import require_topics
from streams.wire.records import MAX_PASSED_ON_BYTES
from streams.worker.settings import Settings

# Where reports go in. Without the prefix of the deployment.

# Reports have some hundred bytes: so many fill a batch for each of a few partitions.
_AT_ONCE = 500


async def started_producer(settings: Settings, topic: str) -> AIOKafkaProducer:
    """A producer that is ready to write to `topic`. Raises UnknownTopicOrPartitionError when it is missing."""
    await require_topics(settings.connection(), [topic])
    producer = AIOKafkaProducer(
        **settings.connection().client_options(),
        enable_idempotence=True,
        linger_ms=5,
        # Whatever may stand in a log; a topic's own limit still holds.
        max_request_size=2 * MAX_PASSED_ON_BYTES,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


@asynccontextmanager
async def producer_for(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaProducer]:
    """The same for a block: at its end what was sent has been written."""
    producer = await started_producer(settings, topic)
    try:
        yield producer
    finally:
        await producer.stop()


class Pace:
    """Holds a loop to so many records a second; None is as fast as possible. `batch` is how many to send at once.

    At a rate, batches are small enough that twenty a second go out: what a reader sees is a stream, not bursts, and
    waiting for the broker's answer to each does not slow it down.
    """

    def __init__(self, per_second: float | None) -> None:
        self.batch = _AT_ONCE if per_second is None else max(1, min(_AT_ONCE, int(per_second / 20)))
        self._per_second = per_second
        self._began_at = time.monotonic()
        self._records = 0

    async def turn(self, records: int) -> None:
        """Wait until so many records more are due. A loop that fell behind catches up."""
        if self._per_second is not None:
            due = self._began_at + self._records / self._per_second
            self._records += records
            await asyncio.sleep(max(0.0, due - time.monotonic()))
