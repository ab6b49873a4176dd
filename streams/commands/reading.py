"""Reads topics as their subscribers do: committed records only, without a consumer group."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.runtime.connection import Connection
from streams.runtime.topics import admin_client

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
    await require_topics(connection, topics)
    consumer = AIOKafkaConsumer(
        *topics,
        **connection.client_options(),
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest" if from_beginning else "latest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
        # Where the end is, is settled now and not at the first fetch: what is written in between will be read. Not by
        # `seek_to_end`, which the consumer's own reset at its start may overrule.
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield consumer
    finally:
        await consumer.stop()


async def require_topics(connection: Connection, topics: Sequence[str]) -> None:
    """Raise UnknownTopicOrPartitionError at once if a topic is missing; clients wait 40 s to see it appear."""
    async with admin_client(connection) as admin:
        there = await admin.list_topics()
    missing = sorted(set(topics).difference(there))
    if missing:
        raise UnknownTopicOrPartitionError(", ".join(missing))
