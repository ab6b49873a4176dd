"""Writes to topics as a publisher does: with an idempotent producer, at a given rate or without a limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from aiokafka import AIOKafkaProducer

from streams.running.clients.kafka_reading import require_topics
from streams.running.clients.published_event import Event
from streams.running.worker.settings import Settings

# A report has a few hundred bytes: this many fill a producer batch for each of a few partitions.
_MAX_BATCH = 500

_MOST_REQUEST_BYTES = 12 * 1024 * 1024


async def started_producer(settings: Settings, *topics: str, linger_ms: int = 5) -> AIOKafkaProducer:
    """A started producer, which waits `linger_ms` for more records for a partition.

    The caller stops it. Raises UnknownTopicOrPartitionError if one of `topics` is missing.
    """
    await require_topics(settings.connection(), topics)
    producer = AIOKafkaProducer(
        **settings.connection().client_options(),
        enable_idempotence=True,
        linger_ms=linger_ms,
        # Enough for a set of rules, the largest record of any program. The topic's own limit still applies.
        max_request_size=_MOST_REQUEST_BYTES,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


@asynccontextmanager
async def producer_for(
    settings: Settings, *topics: str, linger_ms: int = 5
) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer for a block; leaving the block waits until everything sent is written."""
    producer = await started_producer(settings, *topics, linger_ms=linger_ms)
    try:
        yield producer
    finally:
        await producer.stop()


class Pace:
    """Limits a loop to `per_second` records per second; None means as fast as possible.

    `batch` is how many records to send at once. At a rate, batches are small enough for twenty per second, so
    that readers see a steady stream instead of bursts. At that size, waiting for the broker's answer to each
    batch does not slow the loop down.
    """

    def __init__(self, per_second: float | None) -> None:
        self.batch = _MAX_BATCH if per_second is None else max(1, min(_MAX_BATCH, int(per_second / 20)))
        self._per_second = per_second
        self._began_at = time.monotonic()
        self._records = 0

    async def turn(self, records: int) -> None:
        """Wait until the next `records` records are due. A loop that fell behind catches up."""
        if self._per_second is not None:
            due = self._began_at + self._records / self._per_second
            self._records += records
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def send_events(settings: Settings, topic: str, events: Sequence[Event]) -> None:
    """Send events to a topic (without prefix) as fast as possible; return once all are written."""
    name = settings.topic_prefix + topic
    remaining, batch_size = iter(events), Pace(None).batch
    async with producer_for(settings, name) as producer:
        while batch := list(islice(remaining, batch_size)):
            await asyncio.gather(
                *[await producer.send(name, event.value, event.key, headers=event.headers) for event in batch]
            )
