"""Reads topics as their subscribers do: committed records only, without a consumer group."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from streams.runtime.connection import Connection

# Bytes a fetch may bring of one partition. Enriched reports are about 1 KiB, so thousands come at once.
_FETCH_BYTES = 4 * 1024 * 1024

# How long the broker may hold back a fetch that finds nothing new; news of other partitions waits for that fetch too.
_FETCH_WAIT_MS = 50


@asynccontextmanager
async def committed_reader(
    connection: Connection, topics: Sequence[str], *, from_beginning: bool
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer of all partitions of the topics, from their beginning or from their end on.

    Raises UnknownTopicOrPartitionError when a topic is missing, KafkaConnectionError when no broker answers.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        **connection.client_options(),
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
        if not from_beginning:
            # Now, and not at the first fetch: what is written in between belongs to what is read.
            await consumer.seek_to_end()
        yield consumer
    finally:
        await consumer.stop()
