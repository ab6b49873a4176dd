"""Reads topics as their subscribers do: committed records only, without a consumer group."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.runtime.connection import Connection
from streams.runtime.patches.install import install_reading_patches
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
    consumer = _consumer(connection, *topics, auto_offset_reset="earliest" if from_beginning else "latest")
    try:
        await consumer.start()
        # Where the end is, is settled now and not at the first fetch: what is written in between will be read. Not by
        # `seek_to_end`, which the consumer's own reset at its start may overrule.
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield consumer
    finally:
        await consumer.stop()


async def committed_records(
    connection: Connection, topic: str, *, partition: int | None = None, since_ms: int | None = None
) -> AsyncIterator[Any]:
    """The `SourceRecord`s of a topic, or of one partition of it, up to what is committed now, each partition in order.

    Those of a compacted topic have keys: a broker takes no others. With `since_ms`, from the first record on that was
    appended at that time or later (ms since the epoch). Raises UnknownTopicOrPartitionError when the topic is missing,
    KafkaConnectionError when no broker answers.
    """
    numbers = range(await partition_count(connection, topic)) if partition is None else [partition]
    places = [TopicPartition(topic, number) for number in numbers]
    consumer = _consumer(connection, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places)
        if since_ms is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(places, since_ms))
            starts = {place: found[place].offset if found[place] else ends[place] for place in places}
        for place in places:
            consumer.seek(place, starts[place])
        # By position, not by the last record's offset: a log may end in a transaction marker.
        while left := [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()


def _consumer(connection: Connection, *topics: str, auto_offset_reset: str) -> AIOKafkaConsumer:
    """A consumer that can read every record that a worker can read."""
    install_reading_patches()
    return AIOKafkaConsumer(
        *topics,
        **connection.client_options(),
        auto_offset_reset=auto_offset_reset,
        group_id=None,
        isolation_level="read_committed",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )


async def require_topics(connection: Connection, topics: Sequence[str]) -> None:
    """Raise UnknownTopicOrPartitionError at once if a topic is missing; clients wait 40 s to see it appear."""
    async with admin_client(connection) as admin:
        there = await admin.list_topics()
    missing = sorted(set(topics).difference(there))
    if missing:
        raise UnknownTopicOrPartitionError(", ".join(missing))


async def partition_count(connection: Connection, topic: str) -> int:
    """How many partitions a topic has. Raises UnknownTopicOrPartitionError."""
    async with admin_client(connection) as admin:
        # All topics, as asking for one by name lets a broker create it if it is set to.
        for row in await admin.describe_topics():
            if row["topic"] == topic and row["partitions"]:
                return len(row["partitions"])
    raise UnknownTopicOrPartitionError(topic)
