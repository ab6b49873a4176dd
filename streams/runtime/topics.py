"""The topics as `schemas/topics/` describes them: creating them, and telling how a cluster differs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from streams.runtime.connection import Connection
from streams.runtime.errors import RefusedToStart
from streams.runtime.topic_catalogue import Catalogue, Topic
from streams.runtime.topic_problems import FoundTopic, Problem, refusal, setting_problems, shape_problems
from streams.wire.topics import MESSAGE_REPORTS

SCHEMAS = Path(__file__).parents[2] / "schemas"

# A controller tells its brokers of a new topic within milliseconds; a busy one within seconds.
VISIBLE_SECONDS = 15.0
_POLL_SECONDS = 0.05


def load_catalogue(folder: Path = SCHEMAS / "topics") -> Catalogue:
    """All topics by name without prefix. Raises ValueError naming the file that is not as it should be."""
    catalogue = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            topic = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Topic)
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            raise ValueError(f"{path}: {error}") from error
        if topic.name != path.stem:
            raise ValueError(f"{path}: the name in it is {topic.name!r}, it must be the name of the file")
        catalogue[topic.name] = topic
    if MESSAGE_REPORTS not in catalogue:
        raise ValueError(f"{folder}: {MESSAGE_REPORTS}.yaml is missing, the installation is not complete")
    return catalogue


def topic_name(prefix: str, name: str) -> str:
    """The topic's name in the cluster: the prefix is put before it as it is."""
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


async def create_topics(
    admin: AIOKafkaAdminClient,
    catalogue: Catalogue,
    prefix: str,
    partitions: int,
    replication_factor: int,
    min_insync: int,
) -> list[str]:
    """Create what is missing, leave what is there, return the names that were created.

    `partitions` is for message-reports; if that is there already, its number counts for the others. Returns when all
    brokers know the topics. Raises RefusedToStart with the broker's reason for each topic that it refused.
    """
    existing = await _describe(admin, catalogue, prefix)
    source = existing.get(topic_name(prefix, MESSAGE_REPORTS))
    of_source = partitions if source is None else source.partitions
    wanted = [
        NewTopic(
            topic_name(prefix, topic.name),
            of_source if topic.partitions == "source" else topic.partitions,
            replication_factor,
            topic_configs=topic.settings(min_insync),
        )
        for topic in catalogue.values()
        if topic_name(prefix, topic.name) not in existing
    ]
    if not wanted:
        return []
    answer = await admin.create_topics(wanted)
    # Somebody else may have been faster.
    results = {name: (for_code(code), message) for name, code, message in answer.topic_errors if code != 0}
    refused = [(*row, name) for name, row in results.items() if row[0] is not TopicAlreadyExistsError]
    if refused:
        raise RefusedToStart("\n".join(refusal(*row, replication_factor) for row in refused))
    await _until_visible(admin, catalogue, prefix)
    return [topic.name for topic in wanted if topic.name not in results]


async def check_topics(
    admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str, min_insync: int
) -> list[Problem]:
    """How the cluster differs from the catalogue, in the catalogue's order; empty when a worker may start.

    Only what the catalogue names is compared. A setting that comes from the broker's default counts by its value.
    """
    existing = await _describe(admin, catalogue, prefix)
    source = existing.get(topic_name(prefix, MESSAGE_REPORTS))
    found = await _settings(
        admin, existing, sorted({n for t in catalogue.values() for n in t.settings(min_insync)})
    )
    problems = []
    for topic in catalogue.values():
        name = topic_name(prefix, topic.name)
        if name not in existing:
            problems.append(
                Problem(
                    name,
                    "is missing, or this user may not see it.",
                    "Run `tocsin topics create`, or grant the right to describe it.",
                )
            )
            continue
        problems += shape_problems(name, topic, existing[name], source, min_insync)
        problems += setting_problems(name, topic.settings(min_insync), found.get(name, {}))
    return problems


async def _describe(
    admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str, broker: int | None = None
) -> dict[str, FoundTopic]:
    """What is there of the catalogue, as a broker knows it: the one with this id, or any."""
    # All topics, as asking for one by name lets a broker create it if it is set to.
    request = MetadataRequest(None)
    answer = await admin._send_request(request, broker)  # noqa: SLF001 - `describe_topics` asks no broker in particular
    names = {topic_name(prefix, name) for name in catalogue}
    return {
        row["topic"]: FoundTopic(
            len(row["partitions"]), min(len(part["replicas"]) for part in row["partitions"])
        )
        for row in answer.to_object()["topics"]
        if row["topic"] in names and row["partitions"]
    }


async def _until_visible(admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str) -> None:
    # Each learns it for itself, and a worker may ask the last one that does.
    waiting = sorted(broker["node_id"] for broker in (await admin.describe_cluster())["brokers"])
    for _ in range(int(VISIBLE_SECONDS / _POLL_SECONDS)):
        waiting = [broker for broker in waiting if not await _shows_all(admin, catalogue, prefix, broker)]
        if not waiting:
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise RefusedToStart(
        f"topics were created, but {', '.join(f'broker {broker}' for broker in waiting)} does not show them after "
        f"{VISIBLE_SECONDS:.0f} seconds. Run `tocsin topics check`; if they stay away, look at the log of the controller."
    )


async def _shows_all(admin: AIOKafkaAdminClient, catalogue: Catalogue, prefix: str, broker: int) -> bool:
    try:
        return len(await _describe(admin, catalogue, prefix, broker)) == len(catalogue)
    except KafkaError:
        # It is away, and catches up before it serves anybody again.
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
