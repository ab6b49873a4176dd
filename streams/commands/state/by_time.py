"""Finds the positions of saved state in source topics that were mirrored to another cluster.

Offsets are other ones there, and so are append times: the broker that takes a mirrored record sets its own,
which is later. So what was not applied when the state was saved was appended there after the time at which
the newest applied record was appended in the old log. Reading begins a little before that time, at what was
applied already: workers drop it, because its ids are in the state.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.commands.state.save_file import Header, Section
from streams.commands.state.stages import AnyStage
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY, HOUR, MAX_CLOCK_DIFFERENCE_MS
from streams.running.log.append_times import APPEND_TIME
from streams.running.log.position import Position, SourcePosition
from streams.running.log.source_logs import LogBounds, first_record_from, log_bounds
from streams.running.topics.topic_catalogue import load_catalogue
from streams.running.worker.settings import Settings

# How far before the position reading begins: the clocks of the brokers of both clusters may be wrong by so
# much each, and the logs of one cluster may have been appended to by brokers whose clocks differ.
OVERLAP_MS = 2 * MAX_CLOCK_DIFFERENCE_MS

# By how much the mirror may be late. What was applied and arrives late is read again, so its id must be
# remembered.
MIRROR_DELAY_MS = HOUR


class SavedLog(NamedTuple):
    """A source of a partition as the file knows it. `place` has the prefix of the new topics.

    `unread` is the number of offsets that were not applied. All that was not was appended at `since` or later
    (ms since the epoch, by the clocks of the old cluster); 0 if nothing is known.
    """

    place: TopicPartition
    next_offset: int | None
    unread: int
    since: int

    @property
    def begin_at(self) -> int:
        """The append time in the new log from which on it is read."""
        return max(self.since - OVERLAP_MS, 0)


class MappedLog(NamedTuple):
    """Where reading of a source begins in the new log, and how many offsets are read."""

    log: SavedLog
    offset: int
    to_read: int


class NewLogs(NamedTuple):
    """The logs to which the records were mirrored.

    `oldest` has the append time of the first record of each log, `found` the offset of the first record at
    its `begin_at` or later: None without such a record.
    """

    bounds: LogBounds
    oldest: Mapping[TopicPartition, int | None]
    found: Mapping[TopicPartition, int | None]


def require_movable(header: Header, stages: Iterable[str], path: object) -> None:
    """Raise ClickException unless the file has what a restore to other logs needs."""
    if not header.saved_at:
        if header.moved_from is not None:
            raise click.ClickException(
                f"{path} was moved to another number of partitions. Restore it on its own cluster, and save "
                "again."
            )
        raise click.ClickException(
            f"{path} was saved by version {header.saved_by}, which did not save the records on their way "
            "between partitions. A restore to other logs needs them: save with this version."
        )
    missing = sorted(set(stages) - {saved.name for saved in header.stages})
    if missing:
        raise click.ClickException(
            f"{path} does not have the stage {', '.join(missing)}. Records are on their way from stage to "
            "stage, so a restore to other logs needs all of them: save without --stage."
        )


def saved_logs(settings: Settings, stage: AnyStage, section: Section, header: Header) -> list[SavedLog]:
    """Return the external sources of a partition, as the file knows them."""
    logs = []
    for topic in stage.sources.external:
        source = (section.position or {}).get(topic)
        unread = section.unread.get(topic, 0)
        since = (source.last_append_time if source is not None else None) or 0
        if not unread:
            # Everything there was at that time was applied.
            since = max(since, header.saved_at)
        place = TopicPartition(settings.topic_prefix + topic, section.partition)
        logs.append(SavedLog(place, None if source is None else source.next_offset, unread, since))
    return logs


async def map_logs(
    consumer: AIOKafkaConsumer, settings: Settings, logs: Sequence[SavedLog], forgotten: int, clock_ms: int
) -> list[MappedLog]:
    """Find where to begin in each log.

    `forgotten` is the latest time (ms) at which an id was applied that is not remembered any more. Raises
    ClickException if something may be missing, or may be applied twice.
    """
    places = [log.place for log in logs]
    first = await consumer.offsets_for_times(dict.fromkeys(places, 0))
    found = await consumer.offsets_for_times({log.place: log.begin_at for log in logs})
    new = NewLogs(
        await log_bounds(consumer, places),
        {place: first[place] and first[place].timestamp for place in places},
        {place: found[place] and found[place].offset for place in places},
    )
    retention = {
        settings.topic_prefix + topic.name: int(topic.config.get("retention.ms", -1))
        for topic in load_catalogue().values()
    }
    return mapped(logs, new, {tp: retention[tp.topic] for tp in places}, forgotten, clock_ms)


def mapped(
    logs: Sequence[SavedLog],
    new: NewLogs,
    retention: Mapping[TopicPartition, int],
    forgotten: int,
    clock_ms: int,
) -> list[MappedLog]:
    """Return where to begin in each log; as `map_logs`. `retention` is in ms, -1 without a limit."""
    oldest = min((time for time in new.oldest.values() if time is not None), default=None)
    found = []
    for log in logs:
        begin, end = new.bounds.begins[log.place], new.bounds.ends[log.place]
        _require_mirrored(log, oldest)
        _require_kept(log, new, retention[log.place], clock_ms)
        at = new.found[log.place]
        offset = end if at is None else min(max(at, begin), end)
        if offset < end:
            _require_remembered(log, forgotten)
        found.append(MappedLog(log, offset, end - offset))
    return found


def _require_mirrored(log: SavedLog, oldest: int | None) -> None:
    """Records that were not applied must have been mirrored, so the mirror must have run at that time.

    A log that nobody writes to says nothing of that, so the oldest record of all logs does.
    """
    if not log.begin_at or (oldest is not None and oldest <= log.begin_at):
        return
    begun = "no source topic has a record" if oldest is None else f"the oldest record is of {rfc3339(oldest)}"
    remedy = (
        f"{log.unread:,} offsets of it were not applied when the state was saved: let the workers apply "
        "everything, and save again."
        if log.unread
        else f"Save the state again when the mirror has run for {OVERLAP_MS // 60_000} minutes."
    )
    raise click.ClickException(
        f"{_name(log)}: needed is what was mirrored at {rfc3339(log.begin_at)} or later, and {begun}. So "
        f"records may be missing that were not applied. {remedy}"
    )


def _require_kept(log: SavedLog, new: NewLogs, retention: int, clock_ms: int) -> None:
    """Records that were not applied must not have been deleted since."""
    begin, first = new.bounds.begins[log.place], new.oldest[log.place]
    is_whole = begin == 0 or (first is not None and first < log.begin_at)
    if is_whole or retention < 0 or log.begin_at >= clock_ms - retention:
        return
    raise click.ClickException(
        f"{_name(log)}: needed is what was appended at {rfc3339(log.begin_at)} or later, but the log begins "
        f"at offset {begin}, and the topic keeps records for {retention // DAY} days: reports may have been "
        "deleted before they were applied. Restore a newer file."
    )


def _require_remembered(log: SavedLog, forgotten: int) -> None:
    """What is read again must be recognised."""
    if not forgotten or not log.begin_at or forgotten < log.begin_at - MIRROR_DELAY_MS:
        return
    raise click.ClickException(
        f"{_name(log)}: reading would begin at {rfc3339(log.begin_at)}, and with a mirror that is up to an "
        f"hour late at records of an hour before. The ids of what was applied by {rfc3339(forgotten)} are "
        "forgotten, so reports could count twice. Let the workers catch up and save again, or restore a file "
        "that was saved when they had."
    )


def _name(log: SavedLog) -> str:
    return f"{log.place.topic} partition {log.place.partition}"


async def position_in(consumer: AIOKafkaConsumer, logs: Iterable[MappedLog], partitions: int) -> Position:
    """Return the position of a partition; the records before it show later whether the logs are the same.

    Raises ClickException for a topic in which publishers choose the times of records.
    """
    position = {}
    for log, offset, _ in logs:
        place = log.place
        record = await first_record_from(consumer, place, offset - 1) if offset else None
        if record is not None and record.timestamp_type != APPEND_TIME:
            raise click.ClickException(
                f"{_name(log)} offset {record.offset} has a time that the mirror chose, not the broker. Set "
                "message.timestamp.type=LogAppendTime, delete the topic's records and mirror them again."
            )
        before = record.timestamp if record is not None and record.offset == offset - 1 else None
        position[place.topic] = SourcePosition(offset, partitions, before)
    return position


def map_rows(logs: Iterable[MappedLog], prefix: str) -> list[tuple[str, ...]]:
    """Return the map for people: a row for each source of each partition."""
    return [
        (
            log.place.topic.removeprefix(prefix),
            str(log.place.partition),
            "-" if log.next_offset is None else f"{log.next_offset:,}",
            f"{log.unread:,}",
            "the beginning" if not log.begin_at else _second(log.begin_at),
            f"{offset:,}",
            f"{to_read:,}",
        )
        for log, offset, to_read in logs
    ]


MAP_HEADER = ("topic", "partition", "old offset", "not applied", "read from", "new offset", "to read")


def _second(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
