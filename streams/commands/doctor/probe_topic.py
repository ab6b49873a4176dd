"""A topic of this command's own, in which it tries what it never does in a topic of Tocsin."""

import asyncio
import time
import uuid
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from streams.commands.doctor.finding import Finding, some
from streams.running.operations.access_rights import PROBES
from streams.running.topics.topic_admin import VISIBLE_SECONDS, create_topics
from streams.running.topics.topic_catalogue import Catalogue, Topic
from streams.running.worker.settings import Settings

_POLL_SECONDS = 0.05


def new_name() -> str:
    """A name (without prefix) that no other run has."""
    return PROBES + uuid.uuid4().hex[:12]


def probe(name: str, partitions: int, catalogue: Catalogue) -> Topic:
    """The topic: times by the broker, and the largest record of all topics."""
    return Topic(
        name=name,
        description="A probe of `tocsin doctor`, which deletes it.",
        owner="tocsin",
        producers=(),
        consumers=(),
        key="",
        event=None,
        schemas=(),
        partitions=partitions,
        config={
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": max(topic.max_message_bytes for topic in catalogue.values()),
            # If it cannot be deleted, nothing is left in it after a day.
            "retention.ms": 86_400_000,
        },
    )


async def create(admin: AIOKafkaAdminClient, settings: Settings, topic: Topic, brokers: int) -> None:
    """Create it with the replicas that the settings say, or as many as there are brokers.

    Raises RefusedToStart with the reason of the brokers.
    """
    replicas = min(settings.replication_factor, brokers)
    partitions = topic.partitions if isinstance(topic.partitions, int) else brokers
    await create_topics(
        admin,
        {topic.name: topic},
        settings.topic_prefix,
        partitions,
        replicas,
        min(settings.min_insync_replicas, replicas),
    )


async def delete(admin: AIOKafkaAdminClient, name: str) -> Finding:
    """Delete the topic (with prefix), if it is there, and wait until no broker that is asked lists it."""
    error = ""
    try:
        answer = await admin.delete_topics([name])
        code = answer.topic_error_codes[0][1]
        if code and for_code(code) is not UnknownTopicOrPartitionError:
            error = for_code(code).__name__
        deadline = time.monotonic() + VISIBLE_SECONDS
        while not error and name in await admin.list_topics():
            if time.monotonic() > deadline:
                error = f"still listed after {VISIBLE_SECONDS:.0f} seconds"
            await asyncio.sleep(_POLL_SECONDS)
    except (KafkaError, TimeoutError) as failed:
        error = repr(failed)
    if error:
        return Finding(
            "probe topic",
            "failed",
            f"{name} is left behind: it could not be deleted ({error})",
            f"Delete it: kafka-topics.sh --delete --topic {name}",
        )
    return Finding("probe topic", "ok", f"{name} was created for this and is deleted again")


def left_behind(prefix: str, names: Sequence[str]) -> Finding | None:
    """What runs that were killed have left; None if nothing."""
    found = sorted(name for name in names if name.startswith(prefix + PROBES))
    if not found:
        return None
    return Finding(
        "former probes",
        "warning",
        f"probe topics of other runs, which were killed or go on: {some(found)}",
        f"If none goes on: kafka-topics.sh --delete --topic '{prefix + PROBES}.*'",
    )
