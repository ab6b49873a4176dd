"""Deletes the state topics and creates them again.

No worker can write old state into them afterwards, not even one that was paused meanwhile.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import for_code

from streams.commands.shared.kafka_group import require_no_workers
from streams.running.clients.kafka_reading import partition_count
from streams.running.errors import RefusedToStart
from streams.running.identity import consumer_group
from streams.running.log.claims import StatePartition
from streams.running.partitions.stage import RunnableStage
from streams.running.takeover.takeover import exclusive_writer
from streams.running.topics.topic_admin import VISIBLE_SECONDS, admin_client, create_topics
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.settings import Settings

_POLL_SECONDS = 0.1


class ResetPlan(NamedTuple):
    """A reset of one stage: it deletes `records` of state; workers read `to_read` source records again."""

    stage: str
    topic: str
    partitions: int
    replicas: int
    records: int
    to_read: int


async def plan_resets(settings: Settings, stages: Sequence[RunnableStage[Any, Any]]) -> list[ResetPlan]:
    """Count what a reset of `stages` would delete. Raises ClickException while workers are in the group."""
    await require_no_workers(settings.connection(), consumer_group(settings.topic_prefix))
    return [await _plan_reset(settings, stage) for stage in stages]


async def _plan_reset(settings: Settings, stage: RunnableStage[Any, Any]) -> ResetPlan:
    connection = settings.connection()
    topic = settings.topic_prefix + stage.state_topic
    partitions = await partition_count(connection, topic)
    async with admin_client(connection) as admin:
        replicas = await _replicas(admin, topic)
    async with connection.reader("read_uncommitted") as consumer:
        records = await _log_length(consumer, topic, partitions)
        to_read = 0
        for source in stage.sources:
            name = settings.topic_prefix + source
            to_read += await _log_length(consumer, name, await partition_count(connection, name))
    return ResetPlan(stage.name, topic, partitions, replicas, records, to_read)


async def recreate_topics(settings: Settings, plans: Sequence[ResetPlan]) -> None:
    """Delete and recreate the state topics.

    Raises ClickException if workers have started meanwhile or the broker refuses.
    """
    connection = settings.connection()
    await require_no_workers(connection, consumer_group(settings.topic_prefix))
    async with admin_client(connection) as admin:
        # Fence all stages before deleting any: a paused worker owns partitions of every stage.
        await _fence(settings, plans)
        topics = [plan.topic for plan in plans]
        answer = await admin.delete_topics(topics)
        refused = [
            f"{row[0]} ({for_code(row[1]).__name__})" for row in answer.topic_error_codes if row[1] != 0
        ]
        if refused:
            raise click.ClickException(
                f"the broker refused to delete {', '.join(refused)}. Run `tocsin topics create` to recreate "
                "those that were deleted."
            )
        await _wait_until_gone(admin, topics)
        try:
            await create_topics(
                admin,
                load_catalogue(),
                settings.topic_prefix,
                settings.partitions,
                # As many as before: the brokers accepted that number once.
                min(plan.replicas for plan in plans),
                settings.min_insync_replicas,
            )
        except RefusedToStart as error:
            raise click.ClickException(
                f"{' and '.join(topics)}: deleted, but could not be created again: {error}\nCorrect that, "
                "then run `tocsin topics create`."
            ) from error


async def _replicas(admin: Any, topic: str) -> int:
    (row,) = (row for row in await admin.describe_topics() if row["topic"] == topic)
    return min(len(partition["replicas"]) for partition in row["partitions"])


async def _fence(settings: Settings, plans: Sequence[ResetPlan]) -> None:
    # A paused worker has left the group, but could commit its open transaction when it resumes.
    places = [StatePartition(plan.stage, partition) for plan in plans for partition in range(plan.partitions)]
    async with exclusive_writer(settings.connection(), settings.topic_prefix, places):
        pass


async def _log_length(consumer: AIOKafkaConsumer, topic: str, partitions: int) -> int:
    topic_partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
    starts = await consumer.beginning_offsets(topic_partitions)
    ends = await consumer.end_offsets(topic_partitions)
    return sum(ends[each] - starts[each] for each in topic_partitions)


async def _wait_until_gone(admin: Any, topics: Sequence[str]) -> None:
    deadline = time.monotonic() + VISIBLE_SECONDS
    while left := sorted(set(topics).intersection(await admin.list_topics())):
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"{', '.join(left)}: still listed {VISIBLE_SECONDS:.0f} s after the deletion. Run "
                "`tocsin topics create` once it is gone."
            )
        await asyncio.sleep(_POLL_SECONDS)
