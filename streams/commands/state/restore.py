"""Restores saved state into empty state topics: checks first whether it can be, then writes.

Until all of it is there, no worker starts from it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.commands.shared.kafka_group import require_no_workers
from streams.commands.shared.progress import Progress
from streams.commands.state.save_file import Header, Row, SavedStage, Section, open_state_file
from streams.commands.state.stages import AnyStage
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.state_records import UnusableState
from streams.contract.wire.topics import TRANSPARENCY_COUNTERS
from streams.running.clients.kafka_reading import partition_count
from streams.running.errors import OwnershipLost
from streams.running.identity import consumer_group
from streams.running.log.claims import StatePartition
from streams.running.log.log import Destination, Write
from streams.running.log.position import POSITION_KEY, RESTORING_KEY, Position, encode_position
from streams.running.log.restore import UnreadableState, build_state
from streams.running.log.source_logs import valid_position
from streams.running.log.state_log import anything_follows, read_entries
from streams.running.takeover.takeover import exclusive_writer
from streams.running.worker.settings import Settings

# Bytes of one transaction, which may last 20 seconds: a slow broker writes this in one.
_TRANSACTION_BYTES = 4 * 1024 * 1024


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
                "with `tocsin state repartition`: see docs/operations.md, 'Changing the number of "
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
                "partitions; see docs/operations.md, 'Changing the number of partitions'."
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
    partitions = header.partitions(section.stage)
    try:
        return build_state(lambda rows: stage.restore(section.partition, partitions, rows), entries)
    except UnreadableState as error:
        raise click.ClickException(
            f"{where}: {error}. The file was made by version {header.saved_by}: restore it with that version."
        ) from error
    except UnusableState as error:
        raise click.ClickException(f"{where}: {error}.") from error


async def restore_state(settings: Settings, plan: RestorePlan, path: Path, progress: Progress) -> None:
    """Write the state in `path`, for which `plan` was made.

    First a mark goes into every partition; a worker that meets it refuses to start. The last transaction
    writes all positions and removes all marks, so the state is complete in all partitions or in none. The
    restore claims the partitions like a worker: one that was only paused is fenced, and one that starts
    meanwhile fences the restore. Raises ClickException when that happens.
    """
    claimed = [StatePartition(plan.stages[place.topic], place.partition) for place in plan.places]
    try:
        async with exclusive_writer(settings.connection(), settings.topic_prefix, claimed) as writer:
            mark: Write = (RESTORING_KEY, plan.checksum.encode(), [])
            await writer.write({place: [mark] for place in plan.places})
            with open_state_file(path) as file:
                wanted = (rows for section, rows in file.sections() if section.stage in plan.stages.values())
                for place, rows in zip(plan.places, wanted, strict=True):
                    for piece in _pieces(rows):
                        await writer.write({place: piece})
                        progress.add(len(piece))
                if file.checksum() != plan.checksum:
                    raise click.ClickException(
                        f"{path} was changed meanwhile. Run `tocsin state restore` again."
                    )
            await writer.write(_last_writes(settings, plan))
    except OwnershipLost as error:
        raise click.ClickException(
            f"the restore was interrupted ({error}). No worker can start from what was written: stop all "
            "workers and run `tocsin state restore` with the same file again. If it finds state then, the "
            "restore was complete."
        ) from error


def _last_writes(settings: Settings, plan: RestorePlan) -> dict[Destination, list[Write]]:
    writes: dict[Destination, list[Write]] = {}
    for place, position in plan.places.items():
        rows = writes[place] = [(RESTORING_KEY, None, [])]
        if position is not None:
            rows.append((POSITION_KEY, encode_position(position), []))
    for output in plan.counters:
        assert output.partition is not None
        destination = (settings.topic_prefix + output.topic, output.partition)
        writes.setdefault(destination, []).append((output.key, output.value, list(output.headers)))
    return writes


def _pieces(rows: Iterator[Row]) -> Iterator[list[Write]]:
    """The records in pieces of at most _TRANSACTION_BYTES, or one larger record."""
    piece: list[Write] = []
    size = 0
    for key, value in rows:
        size += len(key) + len(value)
        if piece and size > _TRANSACTION_BYTES:
            yield piece
            piece, size = [], len(key) + len(value)
        piece.append((key, value, []))
    if piece:
        yield piece
