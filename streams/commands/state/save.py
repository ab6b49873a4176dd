"""Writes the state of stages to a file, while workers may run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams import __version__
from streams.commands.shared.progress import Progress
from streams.commands.state.save_file import (
    FILE_VERSION,
    Header,
    SavedStage,
    Section,
    StateWriter,
    new_state_file,
)
from streams.deciding.partition.hash_key import HashKeys
from streams.running.clients.kafka_reading import partition_count
from streams.running.log.position import SourcePosition
from streams.running.log.restore import require_finished
from streams.running.log.source_logs import take_position
from streams.running.log.state_log import anything_follows, read_entries
from streams.running.partitions.stage import RunnableStage
from streams.running.worker.settings import Settings


async def save_state(
    settings: Settings,
    stages: Sequence[RunnableStage[Any, Any]],
    hash_keys: HashKeys | None,
    path: Path,
    progress: Progress,
) -> None:
    """Save all partitions of `stages`, each as of one moment; holds one partition in memory at a time.

    Raises FileExistsError if the file exists, RefusedToStart if a state cannot be saved.
    """
    connection = settings.connection()
    counts = {
        stage.name: await partition_count(connection, settings.topic_prefix + stage.state_topic)
        for stage in stages
    }
    header = Header(
        FILE_VERSION,
        __version__,
        None if hash_keys is None else hash_keys.current.id,
        tuple(SavedStage(stage.name, stage.state_topic, counts[stage.name]) for stage in stages),
    )
    async with connection.reader() as consumer:
        places = {
            TopicPartition(settings.topic_prefix + stage.state_topic, partition): stage
            for stage in stages
            for partition in range(counts[stage.name])
        }
        ends = await consumer.end_offsets(list(places))
        with new_state_file(path, header) as writer:
            for place, stage in places.items():
                await _save_partition(settings, consumer, writer, stage, place, ends[place])
                progress.add(1)


async def _save_partition(
    settings: Settings,
    consumer: AIOKafkaConsumer,
    writer: StateWriter,
    stage: RunnableStage[Any, Any],
    place: TopicPartition,
    end: int,
) -> None:
    entries, _ = await read_entries(consumer, place, end)
    require_finished(place, entries)
    prefix = settings.topic_prefix
    found = take_position(place, entries)
    position = {topic.removeprefix(prefix): source for topic, source in found.items()}
    unread = {}
    for topic in stage.sources:
        source = TopicPartition(prefix + topic, place.partition)
        number = await _unread(consumer, source, position.get(topic))
        if number:
            unread[topic] = number
    section = Section(stage.name, place.partition, len(entries), position if found else None, unread)
    writer.section(section, entries.items())


async def _unread(consumer: AIOKafkaConsumer, tp: TopicPartition, position: SourcePosition | None) -> int:
    """The number of offsets from the position to the end of the log; 0 if they hold nothing but markers."""
    end: int = (await consumer.end_offsets([tp]))[tp]
    start: int = (await consumer.beginning_offsets([tp]))[tp]
    next_offset = start if position is None else max(start, position.next_offset)
    return end - next_offset if await anything_follows(consumer, tp, next_offset, end) else 0
