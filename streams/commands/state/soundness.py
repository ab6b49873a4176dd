"""Whether a worker could go on from the state as it is."""

from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.assessment.findings import CHANNEL_COUNTS
from streams.assessment.home_partition import home_partition
from streams.assessment.law.clock_state import CHANNEL_CLOCK
from streams.assessment.partition_state import CHANNEL_EPISODES, DUPLICATES_SLOT, restore
from streams.assessment.policies import CompiledRules
from streams.commands.reading import partition_count
from streams.report_stage import SOURCES, STATE_TOPIC
from streams.runtime.errors import RefusedToStart
from streams.runtime.position import Position
from streams.runtime.restore import read_state
from streams.settings import Settings

# Of one kind of problem in a partition so many are named.
_NAMED = 5


class PartitionReport(NamedTuple):
    """Numbers of records by kind, reports applied, and records of the sources that are still to be applied.

    Numbers are None where a problem was in the way.
    """

    partition: int
    problems: list[str]
    counts: int | None = None
    episodes: int | None = None
    clocks: int | None = None
    duplicates: int | None = None
    applied: int | None = None
    to_do: int | None = None


async def examine(settings: Settings, rules: CompiledRules) -> list[PartitionReport]:
    """Examine every partition. Raises UnknownTopicOrPartitionError when a topic is missing."""
    connection = settings.connection()
    sources = [settings.topic_prefix + topic for topic in SOURCES]
    partitions = await partition_count(connection, sources[0])
    held = await partition_count(connection, settings.topic_prefix + STATE_TOPIC)
    if held != partitions:
        raise RefusedToStart(
            f"{settings.topic_prefix}{STATE_TOPIC} has {held} partitions and {sources[0]} {partitions}: they must be "
            "equal. `tocsin topics check` says more."
        )
    return [
        await _examine(settings, rules, sources, partition, partitions) for partition in range(partitions)
    ]


async def _examine(
    settings: Settings, rules: CompiledRules, sources: list[str], partition: int, partitions: int
) -> PartitionReport:
    place = TopicPartition(settings.topic_prefix + STATE_TOPIC, partition)
    where = f"{place.topic} partition {partition}"
    try:
        restored = await read_state(settings.connection(), place, sources, partitions)
    except RefusedToStart as error:
        return PartitionReport(partition, [str(error)])
    try:
        state = restore(partition, partitions, rules, restored.entries.items())
    except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
        return PartitionReport(partition, [f"{where}: {type(error).__name__}: {error}"])
    keys = list(restored.entries)
    counts = [key for key in keys if key.startswith(CHANNEL_COUNTS)]
    problems = []
    for key in counts:
        try:
            state.counts.find(key)
        except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
            problems.append(f"{where}: counts {_name(key)} cannot be read ({type(error).__name__}: {error})")
    for key in keys:
        if key[:1] in (CHANNEL_COUNTS, CHANNEL_EPISODES, CHANNEL_CLOCK):
            home = home_partition(key[1:].partition(b"\0")[0], partitions)
            if home != partition:
                problems.append(f"{where}: {_name(key)} belongs to partition {home}")
    if len(problems) > _NAMED:
        problems = [*problems[:_NAMED], f"{where}: and {len(problems) - _NAMED} more"]
    return PartitionReport(
        partition,
        problems,
        len(counts),
        sum(key.startswith(CHANNEL_EPISODES) for key in keys),
        sum(key.startswith(CHANNEL_CLOCK) for key in keys),
        sum(key.startswith(DUPLICATES_SLOT) for key in keys),
        state.applied,
        await _to_do(settings, partition, restored.position),
    )


def _name(key: bytes) -> str:
    return key[1:].decode(errors="backslashreplace").replace("\0", " ")


async def _to_do(settings: Settings, partition: int, position: Position) -> int:
    places = [TopicPartition(topic, partition) for topic in position]
    consumer = AIOKafkaConsumer(**settings.connection().client_options(), isolation_level="read_committed")
    try:
        await consumer.start()
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    # Offsets, so transaction markers count as well.
    return sum(max(0, ends[place] - position[place.topic].next_offset) for place in places)
