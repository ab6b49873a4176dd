"""Deletes state topics and creates them again, so that no worker, not even a sleeping one, can bring the old back."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code

from streams.commands.shared.reading import partition_count
from streams.runtime.errors import RefusedToStart
from streams.runtime.stage import Stage
from streams.runtime.topics import VISIBLE_SECONDS, admin_client, create_topics, load_catalogue
from streams.runtime.transaction import transactional_producer
from streams.worker.settings import Settings

_POLL_SECONDS = 0.1


class Doomed(NamedTuple):
    """What a reset of a stage deletes: `records` of state; `to_read` are those of its sources that workers read again."""

    stage: str
    topic: str
    partitions: int
    replicas: int
    records: int
    to_read: int


async def what_would_go(settings: Settings, stages: Sequence[Stage[Any, Any]]) -> list[Doomed]:
    """Count what would be deleted. Raises ClickException while workers are in the group."""
    connection = settings.connection()
    async with admin_client(connection) as admin:
        await _require_no_workers(admin, settings.topic_prefix + settings.app_id)
    return [await _doomed(settings, stage) for stage in stages]


async def _doomed(settings: Settings, stage: Stage[Any, Any]) -> Doomed:
    connection = settings.connection()
    topic = settings.topic_prefix + stage.state_topic
    partitions = await partition_count(connection, topic)
    async with admin_client(connection) as admin:
        replicas = await _replicas(admin, topic)
    consumer = AIOKafkaConsumer(**connection.client_options())
    try:
        await consumer.start()
        records = await _length(consumer, topic, partitions)
        to_read = 0
        for source in stage.sources:
            name = settings.topic_prefix + source
            to_read += await _length(consumer, name, await partition_count(connection, name))
    finally:
        await consumer.stop()
    return Doomed(stage.name, topic, partitions, replicas, records, to_read)


async def delete_state(settings: Settings, doomed: Sequence[Doomed]) -> None:
    """Delete and create. Raises ClickException when workers have come in the meantime, or the broker refuses."""
    connection = settings.connection()
    async with admin_client(connection) as admin:
        await _require_no_workers(admin, settings.topic_prefix + settings.app_id)
        # All of them before any is deleted: a worker that is asleep owns partitions of every stage.
        for each in doomed:
            await _fence(settings, each)
        topics = [each.topic for each in doomed]
        answer = await admin.delete_topics(topics)
        refused = [
            f"{row[0]} ({for_code(row[1]).__name__})" for row in answer.topic_error_codes if row[1] != 0
        ]
        if refused:
            raise click.ClickException(
                f"cannot be deleted: {', '.join(refused)}. `tocsin topics create` makes those again that were."
            )
        await _until_gone(admin, topics)
        try:
            await create_topics(
                admin,
                load_catalogue(),
                settings.topic_prefix,
                settings.partitions,
                # As many as they had: brokers that took them before take them again.
                min(each.replicas for each in doomed),
                settings.min_insync_replicas,
            )
        except RefusedToStart as error:
            raise click.ClickException(
                f"{' and '.join(topics)}: deleted, but could not be created again: {error}\nMend that, then run "
                "`tocsin topics create`."
            ) from error


async def _require_no_workers(admin: Any, group: str) -> None:
    try:
        (response,) = await admin.describe_consumer_groups([group])
    except GroupCoordinatorNotAvailableError:
        # No group has ever been on these brokers.
        return
    members = [member for row in response.groups for member in row[5]]
    if members:
        raise click.ClickException(
            f"{len(members)} workers are in group {group}: stop all of them first. One that was killed leaves after "
            "10 seconds."
        )


async def _replicas(admin: Any, topic: str) -> int:
    (row,) = (row for row in await admin.describe_topics() if row["topic"] == topic)
    return min(len(partition["replicas"]) for partition in row["partitions"])


async def _fence(settings: Settings, doomed: Doomed) -> None:
    # A worker that was paused is no member any more, but could still commit what it had in hand when it wakes up.
    for partition in range(doomed.partitions):
        transactional_id = f"{settings.topic_prefix}{settings.app_id}-{doomed.stage}-{partition}"
        producer = transactional_producer(settings.connection(), transactional_id)
        try:
            await producer.start()
        finally:
            await producer.stop()


async def _length(consumer: AIOKafkaConsumer, topic: str, partitions: int) -> int:
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    starts = await consumer.beginning_offsets(places)
    ends = await consumer.end_offsets(places)
    return sum(ends[place] - starts[place] for place in places)


async def _until_gone(admin: Any, topics: Sequence[str]) -> None:
    deadline = time.monotonic() + VISIBLE_SECONDS
    while left := sorted(set(topics).intersection(await admin.list_topics())):
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"{', '.join(left)}: still there {VISIBLE_SECONDS:.0f} s after the deletion; when it is gone, "
                "`tocsin topics create` makes it again."
            )
        await asyncio.sleep(_POLL_SECONDS)
