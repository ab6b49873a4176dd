"""Writes the state of stages to a file, while workers may run.

What is on its way from one partition to another is in no state: it waits in an internal log. The file has
these records too, so it can be restored where the internal logs are other ones.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams import __version__
from streams.commands.shared.progress import Progress
from streams.commands.state.row_spool import RowSpool
from streams.commands.state.save_file import (
    FILE_VERSION,
    Header,
    SavedStage,
    Section,
    StateWriter,
    WaitingRecord,
    new_state_file,
    waiting_row,
)
from streams.contract.events.internal.credit import CREDIT_TYPE
from streams.contract.events.internal.reporter_history import HISTORY_TYPE, REHASHED_TYPE
from streams.contract.wire.forms.credit import CREDITS
from streams.contract.wire.origin import own_type
from streams.deciding.partition.hash_key import HashKeys
from streams.running.clients.kafka_reading import partition_count
from streams.running.log.log import Log, Reader
from streams.running.log.position import SourcePosition
from streams.running.log.reading import records_between
from streams.running.log.restore import require_finished
from streams.running.log.source_logs import take_position
from streams.running.log.state_log import anything_follows, read_entries
from streams.running.partitions.stage import RunnableStage
from streams.running.wall_clock import clock_ms
from streams.running.worker.settings import Settings

# What changes a reporter each time that it is applied. All other records are recognised when they come twice.
_NOT_TWICE = frozenset(
    name.encode() for name in (CREDITS.event_type, CREDIT_TYPE, REHASHED_TYPE, HISTORY_TYPE)
)

# How often to look for a moment in which no such record is written. Each takes some milliseconds.
_ATTEMPTS = 50
_PAUSE_SECONDS = 0.02

_Ends = dict[TopicPartition, int]


class Moment(NamedTuple):
    """Where to cut the logs: the ends of the states, and of the internal logs."""

    states: _Ends
    internal: _Ends
    unsure: bool


async def save_state(
    settings: Settings,
    stages: Sequence[RunnableStage[Any, Any]],
    hash_keys: HashKeys | None,
    path: Path,
    progress: Progress,
) -> Header:
    """Save all partitions of `stages`, each as of one moment; holds one partition in memory at a time.

    Raises FileExistsError if the file exists, RefusedToStart if a state cannot be saved.
    """
    connection = settings.connection()
    counts = {
        stage.name: await partition_count(connection, settings.topic_prefix + stage.state_topic)
        for stage in stages
    }
    places = {
        TopicPartition(settings.topic_prefix + stage.state_topic, partition): stage
        for stage in stages
        for partition in range(counts[stage.name])
    }
    internal = {place: _internal(settings, stage, place.partition) for place, stage in places.items()}
    saved_at = clock_ms()
    moment = await find_moment(connection, list(places), list(internal.values()))
    header = Header(
        FILE_VERSION,
        __version__,
        None if hash_keys is None else hash_keys.current.id,
        tuple(SavedStage(stage.name, stage.state_topic, counts[stage.name]) for stage in stages),
        saved_at=saved_at,
        unsure=moment.unsure,
    )
    async with connection.reader() as consumer:
        with new_state_file(path, header) as writer:
            for place, stage in places.items():
                ends = moment.states[place], moment.internal[internal[place]]
                await _save_partition(settings, consumer, writer, stage, place, *ends, path.parent)
                progress.add(1)
    return header


def _internal(settings: Settings, stage: RunnableStage[Any, Any], partition: int) -> TopicPartition:
    return TopicPartition(settings.topic_prefix + stage.sources.internal, partition)


async def find_moment(log: Log, states: list[TopicPartition], internal: list[TopicPartition]) -> Moment:
    """Find where to cut the logs while transactions are written to them.

    Of a transaction whose state is in the file, all that it passed on is either applied in the file or waits
    there. What was passed on by a transaction that is not in the file may wait there too, and is passed on
    again: a worker recognises that, but for records of `_NOT_TWICE`. So no such record may have been written
    at about that moment; if there always is one, the moment is `unsure`.
    """
    async with log.reader() as committed, log.reader("read_uncommitted") as appended:
        for attempt in range(_ATTEMPTS):
            begun = await committed.end_offsets(internal)
            written = await appended.end_offsets(states)
            ends = await committed.end_offsets(states)
            # Open transactions end, or the brokers abort them.
            while any(ends[place] < written[place] for place in states):
                await asyncio.sleep(_PAUSE_SECONDS)
                ends = await committed.end_offsets(states)
            waiting = await appended.end_offsets(internal)
            if not await _any_not_twice(committed, begun, waiting):
                return Moment(ends, waiting, unsure=False)
            await asyncio.sleep(_PAUSE_SECONDS * (1 + attempt % 5))
    return Moment(ends, waiting, unsure=True)


async def _any_not_twice(consumer: Reader, begin: _Ends, ends: _Ends) -> bool:
    for tp, end in ends.items():
        async for record in records_between(consumer, tp, begin[tp], end):
            if own_type(record) in _NOT_TWICE:
                return True
    return False


async def _save_partition(
    settings: Settings,
    consumer: AIOKafkaConsumer,
    writer: StateWriter,
    stage: RunnableStage[Any, Any],
    place: TopicPartition,
    end: int,
    internal_end: int,
    folder: Path,
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
    # Workers that stand still may have left more than fits into memory.
    with tempfile.TemporaryFile(dir=folder) as stream:
        spool = RowSpool(stream)
        internal = _internal(settings, stage, place.partition)
        await _spool_waiting(consumer, internal, position.get(stage.sources.internal), internal_end, spool)
        records = len(entries) + spool.count
        section = Section(stage.name, place.partition, records, position if found else None, unread)
        writer.section(section, chain(entries.items(), spool.rows()))


async def _spool_waiting(
    consumer: AIOKafkaConsumer, tp: TopicPartition, position: SourcePosition | None, end: int, spool: RowSpool
) -> None:
    """Write the records of an internal log to `spool`, from the position up to `end`."""
    begin: int = (await consumer.beginning_offsets([tp]))[tp]
    next_offset = begin if position is None else max(begin, position.next_offset)
    async for record in records_between(consumer, tp, next_offset, end):
        waiting = WaitingRecord(
            record.offset, record.timestamp, record.key, record.value, list(record.headers)
        )
        spool.put(*waiting_row(spool.count, waiting))


async def _unread(consumer: AIOKafkaConsumer, tp: TopicPartition, position: SourcePosition | None) -> int:
    """The number of offsets from the position to the end of the log; 0 if they hold nothing but markers."""
    end: int = (await consumer.end_offsets([tp]))[tp]
    start: int = (await consumer.beginning_offsets([tp]))[tp]
    next_offset = start if position is None else max(start, position.next_offset)
    return end - next_offset if await anything_follows(consumer, tp, next_offset, end) else 0
