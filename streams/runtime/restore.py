"""Reads a partition's committed state and checks that its position still fits the source logs."""

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.position import (
    POSITION_KEY,
    RESTORING_KEY,
    Position,
    SourcePosition,
    UnknownPositionVersion,
    decode_position,
)
from streams.runtime.state_log import Blocked, keep_waiting, read_entries, state_consumer

State = TypeVar("State")

# What decoding damaged bytes raises.
_UNDECODABLE = (ValueError, LookupError, TypeError, struct.error)


# How long to ask for the record before the position. A broker that restarts is away for some 5 s and a new leader
# needs less, so after four times that the supervisor's pause is the better wait: it leaves the group its partitions.
ANSWER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Restored:
    """The last committed value of every key, and the position, which is not among them."""

    entries: Mapping[bytes, bytes]
    position: Mapping[str, SourcePosition]
    records_read: int


class UnreadableState(ValueError):
    """A state record cannot be decoded. The message names the type of its key, not the key."""


def build_state(
    restore: Callable[[Iterable[tuple[bytes, bytes]]], State], entries: Mapping[bytes, bytes]
) -> State:
    """The state that `restore` builds. Raises UnreadableState, which names the key type of the record that failed."""
    current: bytes | None = None

    def tracked() -> Iterator[tuple[bytes, bytes]]:
        nonlocal current
        for key, value in entries.items():
            current = key
            yield key, value
        current = None

    try:
        return restore(tracked())
    except _UNDECODABLE as error:
        what = "the state as a whole" if current is None else f"a state record of key type {current[:1]!r}"
        raise UnreadableState(f"{what} cannot be read ({error})") from error


async def read_state(
    connection: Connection,
    state: TopicPartition,
    sources: list[str],
    partitions: int,
) -> Restored:
    """Read partition `state` to its last stable offset: see read_state_with."""
    async with state_consumer(connection) as consumer:
        end = (await consumer.end_offsets([state]))[state]
        return await read_state_with(consumer, state, sources, partitions, lambda: None, end, keep_waiting)


async def read_state_with(
    consumer: AIOKafkaConsumer,
    state: TopicPartition,
    sources: list[str],
    partitions: int,
    progress: Callable[[], None],
    end: int,
    blocked: Blocked,
) -> Restored:
    """Read partition `state` to the offset `end` and determine the next offset of each source topic.

    A source without a position starts at the beginning of its log. `blocked` as in read_entries. `progress` is called
    after each fetch that returned records. Raises RefusedToStart when the position cannot be trusted, as continuing would lose or
    repeat reports, and OwnershipLost when no broker tells within ANSWER_SECONDS whether it can be.
    """
    entries, records_read = await read_entries(consumer, state, end, progress, blocked)
    require_finished(state, entries)
    position = take_position(state, entries)
    if not position:
        await _check_partition_count(consumer, state, partitions)
    found = await valid_position(consumer, state.partition, position, sources, partitions)
    return Restored(entries, found, records_read)


def require_finished(state: TopicPartition, entries: Mapping[bytes, bytes]) -> None:
    """Raise RefusedToStart if the entries are those of a restore from a file that was not finished."""
    if RESTORING_KEY in entries:
        raise RefusedToStart(
            f"{state.topic} partition {state.partition}: a restore of the state was not finished, so a part of it is "
            "missing. Run `tocsin state restore` with the same file again; it starts from the beginning."
        )


async def _check_partition_count(consumer: AIOKafkaConsumer, state: TopicPartition, partitions: int) -> None:
    # A partition without a position may have been added to the topic. Then the positions of the other
    # partitions have a smaller count. Their owners refuse to start, but this one would count reports of
    # channels whose counts are in another partition.
    for number in range(partitions):
        other = TopicPartition(state.topic, number)
        position = take_position(other, await _newest_position(consumer, other))
        for topic, source in position.items():
            if source.partitions != partitions:
                raise _partitions_changed(
                    f"{topic} partition {state.partition}", source.partitions, partitions
                )
        if position:
            return


async def _newest_position(consumer: AIOKafkaConsumer, tp: TopicPartition) -> dict[bytes, bytes]:
    """The last position record as the only entry, or nothing. It ends a transaction, so the search goes backwards."""
    consumer.assign([tp])
    start = (await consumer.beginning_offsets([tp]))[tp]
    end = (await consumer.end_offsets([tp]))[tp]
    span = 16
    while True:
        first = max(start, end - span)
        consumer.seek(tp, first)
        found = {}
        while await consumer.position(tp) < end:
            for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
                if record.key == POSITION_KEY and record.value is not None:
                    found[record.key] = record.value
        if found or first == start:
            return found
        # Aborted transactions and compaction leave gaps of any length, so search a larger span.
        span *= 8


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
            "or reset the state after reading docs/operations.md."
        ) from error
    except _UNDECODABLE as error:
        raise RefusedToStart(
            f"{state.topic} partition {state.partition}: the position is damaged ({error}). Reset the state after "
            "reading docs/operations.md."
        ) from error


async def valid_position(
    consumer: AIOKafkaConsumer, partition: int, position: Position, sources: list[str], partitions: int
) -> dict[str, SourcePosition]:
    """Return the position in each source topic, the beginning of its log if `position` has none.

    Raises RefusedToStart when it cannot be right, and OwnershipLost, as `read_state` does.
    """
    found = dict(position)
    for topic in sources:
        tp = TopicPartition(topic, partition)
        found[topic] = await _valid_position(consumer, tp, position.get(topic), partitions)
    return found


async def _valid_position(
    consumer: AIOKafkaConsumer, tp: TopicPartition, found: SourcePosition | None, partitions: int
) -> SourcePosition:
    start = (await consumer.beginning_offsets([tp]))[tp]
    if found is None:
        return SourcePosition(start, partitions, None)
    end = (await consumer.end_offsets([tp]))[tp]
    where = f"{tp.topic} partition {tp.partition}"
    if found.partitions != partitions:
        raise _partitions_changed(where, found.partitions, partitions)
    if not start <= found.next_offset <= end:
        raise RefusedToStart(
            f"{where}: the next report to apply is at offset {found.next_offset}, but the log holds {start} to {end}. "
            + (
                "Reports were deleted before they were applied (retention)."
                if found.next_offset < start
                else "The topic was deleted and recreated, or records were lost."
            )
            + " Decide how to continue: see docs/operations.md, 'When the position does not fit'."
        )
    if found.last_append_time is not None and found.next_offset > start:
        await _check_same_log(consumer, tp, found)
    return found


def _partitions_changed(where: str, before: int, now: int) -> RefusedToStart:
    return RefusedToStart(
        f"{where}: the topic had {before} partitions when its state was written and has {now} now. Channels would move "
        "to other partitions while their counts stay. Move the state with `tocsin state repartition`: see "
        "docs/operations.md, 'Changing the number of partitions'."
    )


async def _check_same_log(consumer: AIOKafkaConsumer, tp: TopicPartition, found: SourcePosition) -> None:
    # The record right before the position was applied, and source topics are not compacted: in the same log it
    # is still there, unless retention deletes it meanwhile.
    applied = found.next_offset - 1
    record = await _first_record_from(consumer, tp, applied)
    if record is not None and record.offset == applied and record.timestamp == found.last_append_time:
        return
    if (await consumer.beginning_offsets([tp]))[tp] > applied:
        return
    raise RefusedToStart(
        f"{tp.topic} partition {tp.partition}: offset {applied} does not hold the record that was applied: the topic "
        "was deleted and recreated. The state belongs to the old topic: see docs/operations.md, 'When the position "
        "does not fit'."
    )


async def _first_record_from(
    consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int
) -> ConsumerRecord | None:
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
                f"{tp.topic} partition {tp.partition}: no broker returned the record at offset {offset} within "
                f"{ANSWER_SECONDS:.0f} s, so it is unknown whether the state belongs to this log. Check that the brokers "
                "answer, that the partition has a leader and that this user may read the topic. The restarted worker "
                "asks again."
            )
