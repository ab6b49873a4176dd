"""Checks whether saved state can be restored, before anything is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.clients.kafka_reading import partition_count
from streams.commands.shared.kafka_group import require_no_workers
from streams.commands.state.save_file import Header, SavedStage, Section
from streams.commands.state.save_file_reading import open_state_file
from streams.partition.stage import Stage
from streams.runtime.identity import consumer_group
from streams.runtime.position import RESTORING_KEY, Position
from streams.runtime.restore import UnreadableState, build_state
from streams.runtime.source_logs import valid_position
from streams.runtime.state_log import anything_follows, read_entries
from streams.wire.records import OutputRecord
from streams.wire.state_records import UnknownHashKey
from streams.wire.topics import TRANSPARENCY_COUNTERS
from streams.worker.settings import Settings

AnyStage = Stage[Any, Any, Any]


class RestorePlan(NamedTuple):
    """What a restore writes: the partitions in the order of the file, with the positions, prefixes included.

    `stages` are the stages' names by state topic. `counters` are daily counters to publish, because the topic
    is a new one. `to_read` is the number of offsets that workers will read after it.
    """

    header: Header
    checksum: str
    stages: Mapping[str, str]
    places: Mapping[TopicPartition, Position | None]
    counters: list[OutputRecord]
    records: int
    to_read: int


async def plan_restore(
    settings: Settings, stages: Mapping[str, AnyStage], path: Path, only: str | None = None
) -> RestorePlan:
    """Read the whole file and compare it with the topics; restore one stage if `only` has its name.

    Raises ClickException, RefusedToStart or BadStateFile with the first thing that forbids the restore.
    """
    await require_no_workers(settings.connection(), consumer_group(settings.topic_prefix))
    with open_state_file(path) as file:
        names = await _wanted(settings, stages, file.header, path, only)
        places: dict[TopicPartition, Position | None] = {}
        counters: list[OutputRecord] = []
        marks: dict[TopicPartition, bytes] = {}
        records = to_read = 0
        async with settings.connection().reader() as consumer:
            if file.header.new_topics:
                await _require_no_counters(settings, consumer)
            for section, rows in file.sections():
                if section.stage not in names.values():
                    continue
                stage = stages[section.stage]
                place = TopicPartition(settings.topic_prefix + stage.state_topic, section.partition)
                mark = await _mark_or_empty(consumer, place)
                if mark is not None:
                    marks[place] = mark
                places[place] = await _position(settings, consumer, stage, section, file.header)
                to_read += await _to_read(settings, consumer, stage, section.partition, places[place])
                state = _state(stage, section, places[place], dict(rows), file.header)
                if file.header.new_topics:
                    counters += state.daily.publish_again(state.time.now)
                records += section.records
        _check_marks(marks, file.checksum())
        return RestorePlan(file.header, file.checksum(), names, places, counters, records, to_read)


async def _wanted(
    settings: Settings, stages: Mapping[str, AnyStage], header: Header, path: Path, only: str | None
) -> dict[str, str]:
    """The stages to restore, by state topic with prefix, all of whose topics have as many partitions as the file."""
    wanted = [saved for saved in header.stages if only in (None, saved.name)]
    if not wanted:
        raise click.ClickException(f"{path} does not have the stage {only}")
    for saved in wanted:
        if saved.name not in stages:
            raise click.ClickException(f"{path} has a stage {saved.name!r}, which this version does not have")
        await _check_partitions(settings, stages[saved.name], saved, path)
    return {settings.topic_prefix + stages[saved.name].state_topic: saved.name for saved in wanted}


def _check_marks(marks: Mapping[TopicPartition, bytes], checksum: str) -> None:
    for place, mark in marks.items():
        if mark != checksum.encode():
            raise click.ClickException(
                f"{place.topic} partition {place.partition}: a restore of another file was not finished. Run "
                "`tocsin state reset` first."
            )


async def _check_partitions(settings: Settings, stage: AnyStage, saved: SavedStage, path: Path) -> None:
    for name in (stage.state_topic, *stage.sources):
        topic = settings.topic_prefix + name
        partitions = await partition_count(settings.connection(), topic)
        if partitions != saved.partitions:
            raise click.ClickException(
                f"{path} has the state of {saved.partitions} partitions, {topic} has {partitions}. Move it with "
                f"`tocsin state repartition`: see docs/operations.md, 'Changing the number of partitions'."
            )


async def _require_no_counters(settings: Settings, consumer: AIOKafkaConsumer) -> None:
    topic = settings.topic_prefix + TRANSPARENCY_COUNTERS
    for partition in range(await partition_count(settings.connection(), topic)):
        place = TopicPartition(topic, partition)
        start = (await consumer.beginning_offsets([place]))[place]
        if await anything_follows(consumer, place, start, (await consumer.end_offsets([place]))[place]):
            raise click.ClickException(
                f"the state is for new topics, because it was moved to fewer partitions, but {topic} is not empty: the "
                "counters of the current day would count twice. Create all topics anew, or use a new topic prefix."
            )


async def _mark_or_empty(consumer: AIOKafkaConsumer, place: TopicPartition) -> bytes | None:
    """The mark of an unfinished restore, None for an empty partition. Raises ClickException if there is state."""
    end = (await consumer.end_offsets([place]))[place]
    entries, _ = await read_entries(consumer, place, end)
    if not entries or RESTORING_KEY in entries:
        return entries.get(RESTORING_KEY)
    raise click.ClickException(
        f"{place.topic} partition {place.partition} has {len(entries):,} records of state. A restore needs empty "
        "topics: run `tocsin state reset` first. `tocsin state save` keeps what is there now."
    )


async def _position(
    settings: Settings, consumer: AIOKafkaConsumer, stage: AnyStage, section: Section, header: Header
) -> Position | None:
    partitions = next(saved.partitions for saved in header.stages if saved.name == section.stage)
    saved = (
        None
        if section.position is None
        else {settings.topic_prefix + topic: source for topic, source in section.position.items()}
    )
    sources = [settings.topic_prefix + topic for topic in stage.sources]
    found = await valid_position(consumer, section.partition, saved or {}, sources, partitions)
    if header.moved_from is not None:
        place = TopicPartition(settings.topic_prefix + stage.sources.internal, section.partition)
        end = (await consumer.end_offsets([place]))[place]
        if await anything_follows(consumer, place, found[place.topic].next_offset, end):
            raise click.ClickException(
                f"{place.topic} partition {place.partition} has records after the position in the file: workers "
                "ran after the state was saved. Their records were re-keyed for the old number of partitions; see "
                "docs/operations.md, 'Changing the number of partitions'."
            )
    return saved


async def _to_read(
    settings: Settings, consumer: AIOKafkaConsumer, stage: AnyStage, partition: int, position: Position | None
) -> int:
    places = [TopicPartition(settings.topic_prefix + topic, partition) for topic in stage.sources]
    ends = await consumer.end_offsets(places)
    starts = await consumer.beginning_offsets(places)
    known = position or {}
    return sum(
        max(0, ends[place] - (known[place.topic].next_offset if place.topic in known else starts[place]))
        for place in places
    )


def _state(
    stage: AnyStage, section: Section, position: Position | None, entries: dict[bytes, bytes], header: Header
) -> Any:
    """The state that a worker would have. Raises ClickException if it could not start from it."""
    where = f"{section.stage} partition {section.partition}"
    if entries and position is None:
        raise click.ClickException(f"{where}: the file has state without a position")
    partitions = next(saved.partitions for saved in header.stages if saved.name == section.stage)
    try:
        return build_state(lambda rows: stage.restore(section.partition, partitions, rows), entries)
    except UnreadableState as error:
        raise click.ClickException(
            f"{where}: {error}. The file was made by version {header.saved_by}: restore it with that version."
        ) from error
    except UnknownHashKey as error:
        raise click.ClickException(f"{where}: {error}.") from error
