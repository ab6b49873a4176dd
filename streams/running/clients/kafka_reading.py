"""Reads topics as subscribers do: committed records only, and no consumer group except `group_member`."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.running.log.connection import Connection
from streams.running.log.log import Isolation
from streams.running.patches.install import install_reading_patches
from streams.running.topics import topic_admin
from streams.running.topics.topic_admin import admin_client

# Bytes per partition and fetch. Enriched reports are about 1 KiB, so a fetch returns thousands.
_FETCH_BYTES = 4 * 1024 * 1024

# How long the broker may wait with an empty fetch. New records of other partitions wait for that fetch too.
_FETCH_WAIT_MS = 50


@asynccontextmanager
async def committed_reader(
    connection: Connection, topics: Sequence[str], *, from_beginning: bool, since_ms: int | None = None
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer of all partitions of the topics, positioned at their beginning or their end.

    With `since_ms` (ms since the epoch), it is positioned at the first records appended at that time or
    later. Raises UnknownTopicOrPartitionError if a topic is missing, KafkaConnectionError if no broker
    answers.
    """
    await require_topics(connection, topics)
    consumer = _consumer(connection, *topics, auto_offset_reset="earliest" if from_beginning else "latest")
    try:
        await consumer.start()
        # Fix the end now rather than at the first fetch, so that records written in between are read.
        # `seek_to_end` does not work here: the consumer's own reset at its start may override it.
        for partition in consumer.assignment():
            await consumer.position(partition)
        if since_ms is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(consumer.assignment(), since_ms))
            for partition, first in found.items():
                # None if nothing is as new; then the end is right.
                if first is not None:
                    consumer.seek(partition, first.offset)
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def subscriber(connection: Connection, topics: Sequence[str]) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer to which all partitions of the topics are assigned; the caller seeks.

    Raises UnknownTopicOrPartitionError if a topic is missing, KafkaConnectionError if no broker answers.
    """
    places = [
        TopicPartition(topic, number)
        for topic in topics
        for number in range(await partition_count(connection, topic))
    ]
    async with partition_reader(connection, places) as consumer:
        yield consumer


@asynccontextmanager
async def partition_reader(
    connection: Connection, places: Collection[TopicPartition], isolation: Isolation = "read_committed"
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer to which these partitions, which must exist, are assigned; the caller seeks.

    Raises KafkaConnectionError if no broker answers.
    """
    consumer = _consumer(connection, auto_offset_reset="earliest", isolation=isolation)
    try:
        await consumer.start()
        consumer.assign(places)
        yield consumer
    finally:
        await consumer.stop()


async def committed_records(
    connection: Connection, topic: str, *, partition: int | None = None, since_ms: int | None = None
) -> AsyncIterator[Any]:
    """The committed `SourceRecord`s of a topic or of one partition, up to now; each partition in order.

    Records of a compacted topic always have keys, because a broker accepts no others. With `since_ms` (ms
    since the epoch), reading starts at the first record appended at that time or later. Raises
    UnknownTopicOrPartitionError if the topic is missing, KafkaConnectionError if no broker answers.
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
        # Compare positions, not the last record's offset: a log may end in a transaction marker.
        while left := [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()


@asynccontextmanager
async def group_member(
    connection: Connection,
    group: str,
    topics: Sequence[str],
    listener: ConsumerRebalanceListener,
    *,
    from_beginning: bool,
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer that shares the topics with the others of its group; the caller commits.

    `from_beginning` says where a group starts that has committed nothing. Raises UnknownTopicOrPartitionError
    if a topic is missing, KafkaConnectionError if no broker answers.
    """
    await require_topics(connection, topics)
    reset = "earliest" if from_beginning else "latest"
    consumer = _consumer(connection, auto_offset_reset=reset, group=group)
    consumer.subscribe(topics, listener=listener)
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def _consumer(
    connection: Connection,
    *topics: str,
    auto_offset_reset: str,
    group: str | None = None,
    isolation: Isolation = "read_committed",
) -> AIOKafkaConsumer:
    """A consumer that can read every record that a worker can read."""
    install_reading_patches()
    return AIOKafkaConsumer(
        *topics,
        **connection.client_options(),
        auto_offset_reset=auto_offset_reset,
        group_id=group,
        enable_auto_commit=False,
        isolation_level=isolation,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )


async def require_topics(connection: Connection, topics: Sequence[str]) -> None:
    """Raise UnknownTopicOrPartitionError at once if a topic is missing.

    A client would wait 40 s for it to appear.
    """
    async with admin_client(connection) as admin:
        there = await admin.list_topics()
    missing = sorted(set(topics).difference(there))
    if missing:
        raise UnknownTopicOrPartitionError(", ".join(missing))


async def partition_count(connection: Connection, topic: str) -> int:
    """The number of a topic's partitions. Raises UnknownTopicOrPartitionError if the topic is missing."""
    async with admin_client(connection) as admin:
        return await topic_admin.partition_count(admin, topic)
