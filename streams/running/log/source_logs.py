"""Checks that the positions of partitions fit the source logs, for all partitions of a takeover at once."""

import struct
import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log.log import Reader
from streams.running.log.position import (
    POSITION_KEY,
    Position,
    SourcePosition,
    UnknownPositionVersion,
    decode_position,
)
from streams.running.log.reading import records_between

# What decoding damaged bytes raises.
UNDECODABLE = (ValueError, LookupError, TypeError, struct.error)

# How long to ask for the record before the position. A broker that restarts is away for some 5 s and a new
# leader needs less, so after four times that the supervisor's pause is the better wait: it leaves the group
# its partitions.
ANSWER_SECONDS = 20.0


class LogBounds(NamedTuple):
    """The first offset of some logs, and the one after the last committed record."""

    begins: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]


async def log_bounds(consumer: Reader, tps: Collection[TopicPartition]) -> LogBounds:
    """Ask for the bounds of logs.

    A question for each of them would cost a takeover of many partitions seconds.
    """
    return LogBounds(await consumer.beginning_offsets(list(tps)), await consumer.end_offsets(list(tps)))


def take_position(state: TopicPartition, entries: dict[bytes, bytes]) -> dict[str, SourcePosition]:
    """Remove the position from the entries and decode it; empty if there is none."""
    value = entries.pop(POSITION_KEY, None)
    if value is None:
        return {}
    try:
        return decode_position(value)
    except UnknownPositionVersion as error:
        raise RefusedToStart(
            f"{state.topic} partition {state.partition}: {error}. Run the version that wrote it, "
            "or reset the state after reading docs/operations-emergencies.md."
        ) from error
    except UNDECODABLE as error:
        raise RefusedToStart(
            f"{state.topic} partition {state.partition}: the position is damaged ({error}). Reset the state "
            "after reading docs/operations-emergencies.md."
        ) from error


def fitting_position(
    bounds: LogBounds, partition: int, position: Position, sources: Iterable[str], partitions: int
) -> dict[str, SourcePosition]:
    """Return the position in each source topic, the beginning of its log if `position` has none.

    Raises RefusedToStart when it is outside of its log, or of a topic with another number of partitions.
    """
    found = dict(position)
    for topic in sources:
        tp = TopicPartition(topic, partition)
        source = position.get(topic)
        if source is None:
            found[topic] = SourcePosition(bounds.begins[tp], partitions, None)
        else:
            _require_fit(tp, source, bounds, partitions)
    return found


def _require_fit(tp: TopicPartition, source: SourcePosition, bounds: LogBounds, partitions: int) -> None:
    begin, end = bounds.begins[tp], bounds.ends[tp]
    where = f"{tp.topic} partition {tp.partition}"
    if source.partitions != partitions:
        raise _partitions_changed(where, source.partitions, partitions)
    if not begin <= source.next_offset <= end:
        raise RefusedToStart(
            f"{where}: the next report to apply is at offset {source.next_offset}, but the log holds {begin} "
            f"to {end}. "
            + (
                "Reports were deleted before they were applied (retention)."
                if source.next_offset < begin
                else "The topic was deleted and recreated, or records were lost."
            )
            + " Decide how to continue: see docs/operations-emergencies.md, 'When the position does not fit'."
        )


async def valid_position(
    consumer: Reader, partition: int, position: Position, sources: list[str], partitions: int
) -> dict[str, SourcePosition]:
    """Return the position of one partition in each source topic, as `fitting_position` does.

    Raises RefusedToStart when it cannot be right, and OwnershipLost as `require_same_log` does.
    """
    bounds = await log_bounds(consumer, [TopicPartition(topic, partition) for topic in sources])
    found = fitting_position(bounds, partition, position, sources, partitions)
    positions = {TopicPartition(topic, partition): source for topic, source in found.items()}
    for tp in last_applied(bounds, positions):
        await require_same_log(consumer, tp, positions[tp])
    return found


def last_applied(
    bounds: LogBounds, positions: Mapping[TopicPartition, SourcePosition]
) -> dict[TopicPartition, int]:
    """Return the append time of the record that was applied last, of each log that should still hold it."""
    return {
        tp: source.last_append_time
        for tp, source in positions.items()
        if source.last_append_time is not None and source.next_offset > bounds.begins[tp]
    }


async def require_same_log(consumer: Reader, tp: TopicPartition, found: SourcePosition) -> None:
    """Check that the log still holds the record that was applied last.

    Raises RefusedToStart when it does not: then the topic was deleted and created again. Raises OwnershipLost
    when no broker tells within ANSWER_SECONDS.
    """
    # The record right before the position was applied, and source topics are not compacted: in the same log
    # it is still there, unless retention deletes it meanwhile.
    applied = found.next_offset - 1
    record = await first_record_from(consumer, tp, applied)
    if record is not None and record.offset == applied and record.timestamp == found.last_append_time:
        return
    if (await consumer.beginning_offsets([tp]))[tp] > applied:
        return
    raise RefusedToStart(
        f"{tp.topic} partition {tp.partition}: offset {applied} does not hold the record that was applied: "
        "the topic was deleted and recreated. The state belongs to the old topic: see "
        "docs/operations-emergencies.md, 'When the position does not fit'."
    )


async def first_record_from(consumer: Reader, tp: TopicPartition, offset: int) -> ConsumerRecord | None:
    """The first record at `offset` or later; None if only markers and aborted records follow."""
    consumer.assign([tp])
    consumer.seek(tp, offset)
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        fetched = await consumer.getmany(tp, timeout_ms=200, max_records=1)
        if records := fetched.get(tp):
            return records[0]
        # An empty result alone says nothing: the fetch may have failed or not been answered yet.
        if await consumer.position(tp) > offset:
            return None
        if time.monotonic() > deadline:
            raise OwnershipLost(
                f"{tp.topic} partition {tp.partition}: no broker returned the record at offset {offset} "
                f"within {ANSWER_SECONDS:.0f} s, so it is unknown whether the state belongs to this log. "
                "Check that the brokers answer, that the partition has a leader and that this user may read "
                "the topic. The restarted worker asks again."
            )


async def require_partition_count(consumer: Reader, state: TopicPartition, partitions: int) -> None:
    """Check that the topics did not have fewer partitions before, for a partition without a position.

    A partition without a position may have been added to the topic. Then the positions of the others have a
    smaller count. Their owners refuse to start, but this one would count reports of channels whose counts are
    in another partition. Raises RefusedToStart.
    """
    others = [TopicPartition(state.topic, number) for number in range(partitions)]
    bounds = await log_bounds(consumer, others)
    for other in others:
        begin, end = bounds.begins[other], bounds.ends[other]
        if begin == end:
            continue
        position = take_position(other, await newest_position(consumer, other, begin, end))
        for topic, source in position.items():
            if source.partitions != partitions:
                raise _partitions_changed(
                    f"{topic} partition {state.partition}", source.partitions, partitions
                )
        if position:
            return


async def newest_position(consumer: Reader, tp: TopicPartition, begin: int, end: int) -> dict[bytes, bytes]:
    """The last position record as the only entry, or nothing.

    It ends a transaction, so the search goes backwards.
    """
    span = 16
    while True:
        first = max(begin, end - span)
        found = {}
        async for record in records_between(consumer, tp, first, end):
            if record.key == POSITION_KEY and record.value is not None:
                found[record.key] = record.value
        if found or first == begin:
            return found
        # Aborted transactions and compaction leave gaps of any length, so search a larger span.
        span *= 8


def _partitions_changed(where: str, before: int, now: int) -> RefusedToStart:
    return RefusedToStart(
        f"{where}: the topic had {before} partitions when its state was written and has {now} now. Channels "
        "would move to other partitions while their counts stay. Move the state with `tocsin state "
        "repartition`: see docs/operations-state.md, 'Changing the number of partitions'."
    )
