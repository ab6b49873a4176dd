"""Creates the topics that `schemas/topics/` describes, and finds how a cluster differs from them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    NodeNotReadyError,
    RequestTimedOutError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from streams.contract.wire.topics import MESSAGE_REPORTS
from streams.running.errors import RefusedToStart
from streams.running.log.connection import Connection
from streams.running.patches.metadata import topics_known_to
from streams.running.topics.topic_catalogue import Catalogue
from streams.running.topics.topic_problems import (
    FoundTopic,
    Problem,
    few_brokers,
    refusal,
    setting_problems,
    shape_problems,
)

# A controller announces a new topic to the brokers within milliseconds, a busy one within seconds.
VISIBLE_SECONDS = 15.0
_POLL_SECONDS = 0.05
# A broker that is gone is listed, and may be asked, until its session with the controller is over: after nine
# seconds, by the brokers' default.
LISTED_SECONDS = 20.0

Answer = TypeVar("Answer")


def topic_name(prefix: str, name: str) -> str:
    """The topic's name in the cluster: prefix and name, with nothing in between."""
    return prefix + name


@asynccontextmanager
async def admin_client(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end. Raises aiokafka.errors.KafkaConnectionError."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def ask(connection: Connection, question: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]) -> Answer:
    """Return what `question` returns, which must change nothing; ask again while one of the brokers is gone.

    Raises aiokafka.errors.KafkaConnectionError at once if none of them answers, and NodeNotReadyError or
    RequestTimedOutError if it does not work for LISTED_SECONDS.
    """
    until = time.monotonic() + LISTED_SECONDS
    while True:
        try:
            async with admin_client(connection) as admin:
                return await question(admin)
        except (NodeNotReadyError, RequestTimedOutError):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(_POLL_SECONDS)


async def partition_count(admin: AIOKafkaAdminClient, topic: str) -> int:
    """The number of a topic's partitions. Raises UnknownTopicOrPartitionError if the topic is missing."""
    # Describe all topics: describing one by name may make the broker create it.
    for row in await admin.describe_topics():
        if row["topic"] == topic and row["partitions"]:
            return len(row["partitions"])
    raise UnknownTopicOrPartitionError(topic)


async def create_topics(
    admin: AIOKafkaAdminClient,
    catalogue: Catalogue,
    prefix: str,
    partitions: int,
    replication_factor: int,
    min_insync: int,
) -> list[str]:
    """Create the topics that are missing, leave the others unchanged, and return the names of those created.

    `partitions` is for message-reports; if that exists already, its own count is used for the other topics.
    Returns when all brokers know the topics. Raises RefusedToStart with the broker's reason for each topic
    that it refused.
    """
    existing = await _describe(admin, catalogue, prefix)
    source = existing.get(topic_name(prefix, MESSAGE_REPORTS))
    source_partitions = partitions if source is None else source.partitions
    wanted = [
        NewTopic(
            topic_name(prefix, topic.name),
            source_partitions if topic.partitions == "source" else topic.partitions,
            replication_factor,
            topic_configs=topic.settings(min_insync),
        )
        for topic in catalogue.values()
        if topic_name(prefix, topic.name) not in existing
    ]
    if not wanted:
        return []
    answer = await admin.create_topics(wanted)
    # Another process may have created some of them meanwhile; that is no error.
    results = {name: (for_code(code), message) for name, code, message in answer.topic_errors if code != 0}
    refused = [(*row, name) for name, row in results.items() if row[0] is not TopicAlreadyExistsError]
    if any(error is InvalidReplicationFactorError for error, _, _ in refused):
        # It is the same for every topic.
        raise RefusedToStart(str(few_brokers(len(await _brokers(admin)), replication_factor, min_insync)))
    if refused:
        raise RefusedToStart("\n".join(refusal(*row) for row in refused))
    await _until_visible(admin, catalogue, prefix)
    return [topic.name for topic in wanted if topic.name not in results]


async def check_topics(
    admin: AIOKafkaAdminClient,
    catalogue: Catalogue,
    prefix: str,
    replication_factor: int,
    min_insync: int,
) -> list[Problem]:
    """How the cluster differs from the catalogue, in the catalogue's order; empty if a worker may start.

    Only topics and settings in the catalogue are compared. A setting may have its value from the broker's
    default. That the cluster has too few brokers for the replicas comes first, and is said once.
    """
    existing = await _describe(admin, catalogue, prefix)
    problems = []
    brokers = len(await _brokers(admin))
    # A broker that is down is not listed, but a topic keeps its replica there.
    most = max((found.fewest_replicas for found in existing.values()), default=0)
    if max(brokers, most) < min_insync:
        problems.append(few_brokers(brokers, replication_factor, min_insync))
        min_insync = brokers
    source = existing.get(topic_name(prefix, MESSAGE_REPORTS))
    found = await _settings(
        admin, existing, sorted({n for t in catalogue.values() for n in t.settings(min_insync)})
    )
    for topic in catalogue.values():
        name = topic_name(prefix, topic.name)
        if name not in existing:
            problems.append(
                Problem(
                    name,
                    "is missing, or this user may not see it.",
                    "Run `tocsin topics create`, or grant the right to describe it.",
                    "missing",
                )
            )
            continue
        problems += shape_problems(name, topic, existing[name], source, min_insync)
        problems += setting_problems(name, topic.settings(min_insync), found.get(name, {}))
    return problems


async def led_partitions(
    admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str
) -> dict[str, dict[int, bool]]:
    """Whether each partition of the catalogue's topics has a leader, by topic (with prefix) and number.

    A topic that is missing, or that this user may not see, is not in it.
    """
    names = {topic_name(prefix, name) for name in catalogue}
    return {
        row["topic"]: {part["partition"]: part["leader"] >= 0 for part in row["partitions"]}
        for row in await topics_known_to(admin, None)
        if row["topic"] in names and row["partitions"]
    }


def all_led(led: Mapping[str, Mapping[int, bool]], topic: str) -> bool:
    """Whether every partition of a topic has a leader, as `led_partitions` found. A missing one has none."""
    return topic in led and all(led[topic].values())


async def _describe(
    admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str, broker: int | None = None
) -> dict[str, FoundTopic]:
    """The catalogue's topics that exist, as the broker with this id knows them, or any broker."""
    names = {topic_name(prefix, name) for name in catalogue}
    return {
        row["topic"]: FoundTopic(
            len(row["partitions"]), min(len(part["replicas"]) for part in row["partitions"])
        )
        for row in await topics_known_to(admin, broker)
        if row["topic"] in names and row["partitions"]
    }


async def _brokers(admin: AIOKafkaAdminClient) -> list[int]:
    """The ids of the brokers that are up."""
    return sorted(broker["node_id"] for broker in (await admin.describe_cluster())["brokers"])


async def _until_visible(admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str) -> None:
    # Each broker learns of them separately, and a worker may ask the last one.
    waiting = await _brokers(admin)
    for _ in range(int(VISIBLE_SECONDS / _POLL_SECONDS)):
        waiting = [broker for broker in waiting if not await _shows_all(admin, catalogue, prefix, broker)]
        if not waiting:
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise RefusedToStart(
        f"topics were created, but {', '.join(f'broker {broker}' for broker in waiting)} does not show them "
        f"after {VISIBLE_SECONDS:.0f} seconds. Run `tocsin topics check`; if topics are missing, see the "
        "controller's log."
    )


async def _shows_all(admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str, broker: int) -> bool:
    try:
        return len(await _describe(admin, catalogue, prefix, broker)) == len(catalogue)
    except KafkaError:
        # The broker is away, and learns of all topics before it answers requests again.
        return True


async def _settings(
    admin: AIOKafkaAdminClient, topics: Iterable[str], names: Sequence[str]
) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(names)) for topic in topics]
    if not resources:
        return {}
    found = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _, topic, entries in answer.resources:
            if code != 0:
                raise RefusedToStart(
                    f"{topic}: its settings cannot be read ({for_code(code).__name__}: {message}). "
                    "Grant this user the right to describe the configuration of Tocsin's topics."
                )
            found[topic] = {entry[0]: entry[1] for entry in entries}
    return found
