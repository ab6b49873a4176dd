"""How far the sources of a stage's partitions are applied, and what operators have decided about them."""

from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.deciding.partition.admission.source_controls import SOURCE_CONTROL, SourceControl, SourceControls
from streams.deciding.partition.partly_read import PARTLY_READ, PartlyRead
from streams.running.clients.kafka_reading import partition_count
from streams.running.log.restore import read_state
from streams.running.partitions.stage import RunnableStage
from streams.running.worker.settings import Settings


class Source(NamedTuple):
    """A source topic (without prefix) in one partition of a stage, as committed.

    `next` is the next offset to apply, `end` the offset after the last record in the log. `entries` are those
    applied of the record at `partly`, if it is a bundle that is applied in part.
    """

    stage: str
    topic: str
    partition: int
    next: int
    end: int
    control: SourceControl
    partly: int = 0
    entries: int = 0


async def read_sources(
    settings: Settings, stage: RunnableStage[Any, Any], only: int | None = None
) -> list[Source]:
    """Read the sources of a stage, of all partitions or of one.

    Raises UnknownTopicOrPartitionError if a topic is missing, RefusedToStart if a worker could not start from
    the state.
    """
    partitions = await partition_count(settings.connection(), settings.topic_prefix + stage.state_topic)
    numbers = range(partitions) if only is None else range(only, min(only + 1, partitions))
    return [
        source for number in numbers for source in await _of_partition(settings, stage, number, partitions)
    ]


async def _of_partition(
    settings: Settings, stage: RunnableStage[Any, Any], partition: int, partitions: int
) -> list[Source]:
    prefix, connection = settings.topic_prefix, settings.connection()
    restored = await read_state(
        connection,
        TopicPartition(prefix + stage.state_topic, partition),
        [prefix + topic for topic in stage.sources],
        partitions,
    )
    controls, partly = SourceControls(), PartlyRead()
    for key, value in restored.entries.items():
        if key[:1] == SOURCE_CONTROL:
            controls.restore(key, value)
        elif key == PARTLY_READ:
            partly.restore(key, value)
    places = [TopicPartition(prefix + topic, partition) for topic in stage.sources]
    async with connection.reader("read_uncommitted") as consumer:
        ends = await consumer.end_offsets(places)
    return [
        Source(
            stage.name,
            place.topic.removeprefix(prefix),
            partition,
            restored.position[place.topic].next_offset,
            ends[place],
            controls.of(place.topic.removeprefix(prefix)),
            *((partly.offset, partly.entries) if place.topic.endswith(stage.sources.internal) else ()),
        )
        for place in places
    ]
