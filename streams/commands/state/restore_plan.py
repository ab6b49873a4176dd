"""Checks whether saved state can be restored, before anything is written.

Where the source topics are other logs than those from which the state was saved, positions are found by time
(see by_time.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.commands.shared.kafka_group import require_no_workers
from streams.commands.state.by_time import (
    MappedLog,
    SavedLog,
    map_logs,
    position_in,
    require_movable,
    saved_logs,
)
from streams.commands.state.save_file import (
    Header,
    SavedStage,
    Section,
    open_state_file,
    waiting_record,
)
from streams.commands.state.stages import AnyStage
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.state_records import UnusableState
from streams.contract.wire.topics import TRANSPARENCY_COUNTERS
from streams.running.clients.kafka_reading import partition_count
from streams.running.identity import consumer_group
from streams.running.log.position import RESTORING_KEY, Position
from streams.running.log.restore import UnreadableState, build_state
from streams.running.log.source_logs import valid_position
from streams.running.log.state_log import anything_follows, read_entries
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings


class RestorePlan(NamedTuple):
    """What a restore writes: the partitions in the order of the file, with the positions, prefixes included.

    `stages` are the stages' names by state topic. `counters` are daily counters to publish, because the topic
    is a new one. `to_read` is the number of offsets that workers will read after it.

    With `rewrites_internal` the `waiting` records of the file are appended to the internal logs, and reading
    begins at these. What workers passed on after the state was saved is passed over: it follows once more
    from the sources. `mapped` has the sources that were found by time.
    """

    header: Header
    checksum: str
    stages: Mapping[str, str]
    places: Mapping[TopicPartition, Position | None]
    counters: list[OutputRecord]
    records: int
    to_read: int
    rewrites_internal: bool
    waiting: int
    mapped: Sequence[MappedLog] | None = None


async def plan_restore(
    settings: Settings,
    stages: Mapping[str, AnyStage],
    path: Path,
    only: str | None = None,
    *,
    by_time: bool = False,
) -> RestorePlan:
    """Read the whole file and compare it with the topics; restore one stage if `only` has its name.

    Raises ClickException, RefusedToStart or BadStateFile with the first thing that forbids the restore.
    """
    await require_no_workers(settings.connection(), consumer_group(settings.topic_prefix))
    with open_state_file(path) as file:
        header = file.header
        names = await _wanted(settings, stages, header, path, only)
        if by_time:
            require_movable(header, stages, path)
        # Of one stage alone, the others pass nothing on a second time.
        rewrites_internal = bool(header.saved_at) and set(names.values()) == set(stages)
        places: dict[TopicPartition, Position | None] = {}
        logs: dict[TopicPartition, list[SavedLog]] = {}
        counters: list[OutputRecord] = []
        marks: dict[TopicPartition, bytes] = {}
        records = to_read = waiting = forgotten = 0
        async with settings.connection().reader() as consumer:
            if header.new_topics:
                await _require_no_counters(settings, consumer)
            for section, rows in file.sections():
                if section.stage not in names.values():
                    continue
                stage = stages[section.stage]
                place = TopicPartition(settings.topic_prefix + stage.state_topic, section.partition)
                mark = await _mark_or_empty(consumer, place)
                if mark is not None:
                    marks[place] = mark
                if by_time:
                    logs[place] = saved_logs(settings, stage, section, header)
                else:
                    places[place] = await _position(settings, consumer, stage, section, header)
                    to_read += await _to_read(
                        settings,
                        consumer,
                        stage.sources.external if rewrites_internal else stage.sources,
                        section.partition,
                        places[place],
                    )
                entries = {row[0]: row[1] for row in rows if waiting_record(row) is None}
                state = _state(stage, section, entries, header)
                forgotten = max(forgotten, state.recent.forgotten_until)
                if header.new_topics or by_time:
                    counters += state.daily.publish_again(state.time.now)
                records += len(entries)
                waiting += section.records - len(entries)
            mapped = None
            if by_time:
                every = [log for of_partition in logs.values() for log in of_partition]
                mapped = await map_logs(consumer, settings, every, forgotten, clock_ms())
                by_log = {one.log: one for one in mapped}
                for place, own in logs.items():
                    partitions = header.partitions(names[place.topic])
                    places[place] = await position_in(consumer, [by_log[log] for log in own], partitions)
                to_read = sum(one.to_read for one in mapped)
        _check_marks(marks, file.checksum())
        return RestorePlan(
            header,
            file.checksum(),
            names,
            places,
            counters,
            records,
            to_read + waiting * rewrites_internal,
            rewrites_internal,
            waiting,
            mapped,
        )


async def _wanted(
    settings: Settings, stages: Mapping[str, AnyStage], header: Header, path: Path, only: str | None
) -> dict[str, str]:
    """The stages to restore, by state topic with prefix; each topic has as many partitions as the file."""
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
                f"{path} has the state of {saved.partitions} partitions, {topic} has {partitions}. Move it "
                "with `tocsin state repartition`: see docs/operations-state.md, 'Changing the number of "
                "partitions'."
            )


async def _require_no_counters(settings: Settings, consumer: AIOKafkaConsumer) -> None:
    topic = settings.topic_prefix + TRANSPARENCY_COUNTERS
    for partition in range(await partition_count(settings.connection(), topic)):
        place = TopicPartition(topic, partition)
        start = (await consumer.beginning_offsets([place]))[place]
        if await anything_follows(consumer, place, start, (await consumer.end_offsets([place]))[place]):
            raise click.ClickException(
                f"the state is for new topics, because it was moved to fewer partitions, but {topic} is not "
                "empty: the counters of the current day would count twice. Create all topics again, or use a "
                "new topic prefix."
            )


async def _mark_or_empty(consumer: AIOKafkaConsumer, place: TopicPartition) -> bytes | None:
    """The mark of an unfinished restore, None for an empty partition.

    Raises ClickException if there is state.
    """
    end = (await consumer.end_offsets([place]))[place]
    entries, _ = await read_entries(consumer, place, end)
    if not entries or RESTORING_KEY in entries:
        return entries.get(RESTORING_KEY)
    raise click.ClickException(
        f"{place.topic} partition {place.partition} has {len(entries):,} records of state. A restore needs "
        "empty topics: run `tocsin state reset` first. `tocsin state save` keeps what is there now."
    )


async def _position(
    settings: Settings, consumer: AIOKafkaConsumer, stage: AnyStage, section: Section, header: Header
) -> Position | None:
    saved = (
        None
        if section.position is None
        else {settings.topic_prefix + topic: source for topic, source in section.position.items()}
    )
    sources = [settings.topic_prefix + topic for topic in stage.sources]
    found = await valid_position(
        consumer, section.partition, saved or {}, sources, header.partitions(section.stage)
    )
    if header.moved_from is not None:
        place = TopicPartition(settings.topic_prefix + stage.sources.internal, section.partition)
        end = (await consumer.end_offsets([place]))[place]
        if await anything_follows(consumer, place, found[place.topic].next_offset, end):
            raise click.ClickException(
                f"{place.topic} partition {place.partition} has records after the position in the file: "
                "workers ran after the state was saved. Their records were re-keyed for the old number of "
                "partitions; see docs/operations-state.md, 'Changing the number of partitions'."
            )
    return saved


async def _to_read(
    settings: Settings,
    consumer: AIOKafkaConsumer,
    sources: Iterable[str],
    partition: int,
    position: Position | None,
) -> int:
    places = [TopicPartition(settings.topic_prefix + topic, partition) for topic in sources]
    ends = await consumer.end_offsets(places)
    starts = await consumer.beginning_offsets(places)
    known = position or {}
    return sum(
        max(0, ends[place] - (known[place.topic].next_offset if place.topic in known else starts[place]))
        for place in places
    )


def _state(stage: AnyStage, section: Section, entries: dict[bytes, bytes], header: Header) -> Any:
    """The state that a worker would have. Raises ClickException if it could not start from it."""
    where = f"{section.stage} partition {section.partition}"
    if entries and section.position is None:
        raise click.ClickException(f"{where}: the file has state without a position")
    partitions = header.partitions(section.stage)
    try:
        return build_state(lambda rows: stage.restore(section.partition, partitions, rows), entries)
    except UnreadableState as error:
        raise click.ClickException(
            f"{where}: {error}. The file was made by version {header.saved_by}: restore it with that version."
        ) from error
    except UnusableState as error:
        raise click.ClickException(f"{where}: {error}.") from error
