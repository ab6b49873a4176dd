"""Deletes the state topic and creates it again, so that no worker, not even a sleeping one, can bring the old back."""

import asyncio
import time
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code

from streams.assessment.policies import compile_rules
from streams.commands.reading import partition_count
from streams.registry.loader import load_rules
from streams.report_stage import SOURCES, STATE_TOPIC, report_stage
from streams.runtime.errors import RefusedToStart
from streams.runtime.topics import VISIBLE_SECONDS, admin_client, create_topics, load_catalogue
from streams.runtime.transaction import transactional_producer
from streams.settings import Settings

_POLL_SECONDS = 0.1


class Doomed(NamedTuple):
    """What a reset deletes: `records` of state; `reports` are those that workers will read again."""

    topic: str
    partitions: int
    replicas: int
    records: int
    reports: int


async def what_would_go(settings: Settings) -> Doomed:
    """Count what would be deleted. Raises ClickException while workers are in the group."""
    connection = settings.connection()
    topic = settings.topic_prefix + STATE_TOPIC
    partitions = await partition_count(connection, topic)
    async with admin_client(connection) as admin:
        await _require_no_workers(admin, settings.topic_prefix + settings.app_id)
        replicas = await _replicas(admin, topic)
    consumer = AIOKafkaConsumer(**connection.client_options())
    try:
        await consumer.start()
        records = await _length(consumer, topic, partitions)
        reports = 0
        for source in SOURCES:
            name = settings.topic_prefix + source
            reports += await _length(consumer, name, await partition_count(connection, name))
    finally:
        await consumer.stop()
    return Doomed(topic, partitions, replicas, records, reports)


async def delete_state(settings: Settings, doomed: Doomed) -> None:
    """Delete and create. Raises ClickException when workers have come in the meantime, or the broker refuses."""
    connection = settings.connection()
    async with admin_client(connection) as admin:
        await _require_no_workers(admin, settings.topic_prefix + settings.app_id)
        await _fence(settings, doomed.partitions)
        answer = await admin.delete_topics([doomed.topic])
        for row in answer.topic_error_codes:
            if row[1] != 0:
                raise click.ClickException(f"{doomed.topic} cannot be deleted: {for_code(row[1]).__name__}.")
        await _until_gone(admin, doomed.topic)
        try:
            await create_topics(
                admin,
                load_catalogue(),
                settings.topic_prefix,
                settings.partitions,
                # As many as it had: brokers that took them before take them again.
                doomed.replicas,
                settings.min_insync_replicas,
            )
        except RefusedToStart as error:
            raise click.ClickException(
                f"{doomed.topic} is deleted, but could not be created again: {error}\nMend that, then run "
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


async def _fence(settings: Settings, partitions: int) -> None:
    # A worker that was paused is no member any more, but could still commit what it had in hand when it wakes up.
    stage = report_stage(compile_rules(load_rules(**settings.registry_files()))).name
    for partition in range(partitions):
        transactional_id = f"{settings.topic_prefix}{settings.app_id}-{stage}-{partition}"
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


async def _until_gone(admin: Any, topic: str) -> None:
    deadline = time.monotonic() + VISIBLE_SECONDS
    while topic in await admin.list_topics():
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"{topic} is still there {VISIBLE_SECONDS:.0f} s after it was deleted; when it is gone, "
                "`tocsin topics create` makes it again."
            )
        await asyncio.sleep(_POLL_SECONDS)
