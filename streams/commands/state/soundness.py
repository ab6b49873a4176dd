"""Whether a worker could go on from the state as it is."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.clocks.store import CHANNEL_CLOCK
from streams.commands.shared.reading import partition_count
from streams.counting.counts import CHANNEL_COUNTS
from streams.partition.home import home_partition
from streams.partition.state import DUPLICATES_SLOT
from streams.reports.state import CHANNEL_EPISODES, ReportState
from streams.runtime.errors import RefusedToStart
from streams.runtime.position import Position
from streams.runtime.restore import read_state
from streams.runtime.stage import Stage
from streams.worker.settings import Settings

# Of one kind of problem in a partition so many are named.
_NAMED = 5

# What is kept of one channel or request: it stands where that is at home. Type, ref, NUL or end.
_KEYED = (CHANNEL_COUNTS, CHANNEL_EPISODES, CHANNEL_CLOCK)


class PartitionReport(NamedTuple):
    """Numbers of records by kind, reports or requests applied, and records of the sources that are still to be applied.

    Numbers are None where a problem was in the way.
    """

    stage: str
    partition: int
    problems: list[str]
    counts: int | None = None
    episodes: int | None = None
    clocks: int | None = None
    duplicates: int | None = None
    applied: int | None = None
    to_do: int | None = None


async def examine(settings: Settings, stage: Stage[Any, Any]) -> list[PartitionReport]:
    """Examine every partition of a stage. Raises UnknownTopicOrPartitionError when a topic is missing."""
    connection = settings.connection()
    sources = [settings.topic_prefix + topic for topic in stage.sources]
    state_topic = settings.topic_prefix + stage.state_topic
    partitions = await partition_count(connection, sources[0])
    held = await partition_count(connection, state_topic)
    if held != partitions:
        raise RefusedToStart(
            f"{state_topic} has {held} partitions and {sources[0]} {partitions}: they must be equal. "
            "`tocsin topics check` says more."
        )
    return [
        await _examine(settings, stage, sources, TopicPartition(state_topic, partition), partitions)
        for partition in range(partitions)
    ]


async def _examine(
    settings: Settings, stage: Stage[Any, Any], sources: list[str], place: TopicPartition, partitions: int
) -> PartitionReport:
    try:
        restored = await read_state(settings.connection(), place, sources, partitions)
    except RefusedToStart as error:
        return PartitionReport(stage.name, place.partition, [str(error)])
    except (ValueError, TypeError) as error:
        problem = f"{place.topic} partition {place.partition}: the position cannot be read ({error})"
        return PartitionReport(stage.name, place.partition, [problem])
    report = judged(stage, place, partitions, restored.entries)
    if report.applied is None:
        return report
    return report._replace(to_do=await _to_do(settings, place.partition, restored.position))


def judged(
    stage: Stage[Any, Any], place: TopicPartition, partitions: int, entries: Mapping[bytes, bytes]
) -> PartitionReport:
    """What is to be said of the last values in partition `place` of a state topic; `to_do` is left out."""
    where = f"{place.topic} partition {place.partition}"
    try:
        state = stage.restore(place.partition, partitions, entries.items())
    except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
        return PartitionReport(stage.name, place.partition, [f"{where}: {type(error).__name__}: {error}"])
    problems = []
    if isinstance(state, ReportState):
        for key in (key for key in entries if key.startswith(CHANNEL_COUNTS)):
            try:
                state.counts.find(key)
            except Exception as error:  # noqa: BLE001 - damaged bytes fail in any way
                # What lies behind UnreadableCounts says more: that one advises to run this command.
                why = error.__cause__ or error
                problems.append(f"{where}: counts {_name(key)} cannot be read ({type(why).__name__}: {why})")
    for key in entries:
        if key.startswith(_KEYED):
            home = home_partition(key[1:].partition(b"\0")[0], partitions)
            if home != place.partition:
                problems.append(f"{where}: {_name(key)} belongs to partition {home}")
    if len(problems) > _NAMED:
        problems = [*problems[:_NAMED], f"{where}: and {len(problems) - _NAMED} more"]
    kinds = Counter(key[:1] for key in entries)
    return PartitionReport(
        stage.name,
        place.partition,
        problems,
        counts=kinds[CHANNEL_COUNTS],
        episodes=kinds[CHANNEL_EPISODES],
        clocks=kinds[CHANNEL_CLOCK],
        duplicates=kinds[DUPLICATES_SLOT],
        applied=state.time.applied,
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
