"""Reading a partition's committed state back, and checking that its position still makes sense."""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.runtime.connection import Connection
from streams.runtime.errors import RefusedToStart
from streams.runtime.position import (
    POSITION_KEY,
    SourcePosition,
    UnknownPositionVersion,
    decode_position,
)

State = TypeVar("State")

# How damaged bytes fail to be decoded.
_UNDECODABLE = (ValueError, LookupError, TypeError, struct.error)

# Bytes per fetch while restoring: few round trips, and never less than the largest state record.
RESTORE_FETCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Restored:
    """The last committed value of every key, without the position, and the position itself."""

    entries: Mapping[bytes, bytes]
    position: Mapping[str, SourcePosition]
    records_read: int


class UnreadableState(ValueError):
    """A state record cannot be decoded. The message names the type of its key, not the key."""


def build_state(
    restore: Callable[[Iterable[tuple[bytes, bytes]]], State], entries: Mapping[bytes, bytes]
) -> State:
    """What `restore` makes of the entries. Raises UnreadableState, which tells at what type of record it failed."""
    at: tuple[bytes, bytes] | None = None

    def watched() -> Iterator[tuple[bytes, bytes]]:
        nonlocal at
        for entry in entries.items():
            at = entry
            yield entry
        at = None

    try:
        return restore(watched())
    except _UNDECODABLE as error:
        what = "the state as a whole" if at is None else f"a state record of key type {at[0][:1]!r}"
        raise UnreadableState(f"{what} cannot be read ({error})") from error


async def read_state(
    connection: Connection,
    state: TopicPartition,
    sources: list[str],
    partitions: int,
    progress: Callable[[], None] = lambda: None,
) -> Restored:
    """Read partition `state` to its end and work out where each source topic goes on.

    A source without a position starts at the beginning of its log. `progress` is called whenever more has come. Raises
    RefusedToStart when the position cannot be trusted: continuing would lose or repeat reports.
    """
    consumer = _new_consumer(connection)
    await consumer.start()
    try:
        entries, records_read = await _read_to_end(consumer, state, progress)
        position = _position_of(state, entries)
        if not position:
            await _check_partition_count(consumer, state, partitions)
        for topic in sources:
            tp = TopicPartition(topic, state.partition)
            position[topic] = await _checked(consumer, tp, position.get(topic), partitions)
    finally:
        await consumer.stop()
    return Restored(entries, position, records_read)


async def _read_to_end(
    consumer: AIOKafkaConsumer, tp: TopicPartition, progress: Callable[[], None]
) -> tuple[dict[bytes, bytes], int]:
    consumer.assign([tp])
    entries: dict[bytes, bytes] = {}
    records_read = 0
    end = (await consumer.end_offsets([tp]))[tp]
    consumer.seek(tp, (await consumer.beginning_offsets([tp]))[tp])
    # By fetch position, not by the last record's offset: the log may end in a transaction marker.
    while await consumer.position(tp) < end:
        fetched = await consumer.getmany(tp, timeout_ms=200)
        for record in fetched.get(tp, ()):
            if record.value is None:
                entries.pop(record.key, None)
            else:
                entries[record.key] = record.value
        if fetched:
            records_read += len(fetched[tp])
            progress()
    return entries, records_read


async def _check_partition_count(consumer: AIOKafkaConsumer, state: TopicPartition, partitions: int) -> None:
    # A partition without a position may be one that was added: then those of the others know of fewer. Their owners
    # refuse, but this one would count reports of channels whose counts stand elsewhere.
    for number in range(partitions):
        other = TopicPartition(state.topic, number)
        position = _position_of(other, await _newest_position(consumer, other))
        for topic, source in position.items():
            if source.partitions != partitions:
                raise _partitions_changed(
                    f"{topic} partition {state.partition}", source.partitions, partitions
                )
        if position:
            return


async def _newest_position(consumer: AIOKafkaConsumer, tp: TopicPartition) -> dict[bytes, bytes]:
    """The position's last record alone. It ends each transaction, so it is looked for from the end of the log on."""
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
        # Aborted transactions and compaction leave gaps of any length.
        span *= 8


def _position_of(state: TopicPartition, entries: dict[bytes, bytes]) -> dict[str, SourcePosition]:
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


async def _checked(
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
            + " Decide what to do with the gap: docs/operations.md, 'When the position does not fit'."
        )
    if found.last_append_time is not None and found.next_offset > start:
        await _check_same_log(consumer, tp, found)
    return found


def _partitions_changed(where: str, before: int, now: int) -> RefusedToStart:
    return RefusedToStart(
        f"{where}: the topic had {before} partitions when its state was written and has {now} now. A channel's home "
        "would move while its counts stay behind. Move to a new topic prefix, or put the state aside as "
        "docs/operations.md describes."
    )


async def _check_same_log(consumer: AIOKafkaConsumer, tp: TopicPartition, found: SourcePosition) -> None:
    consumer.assign([tp])
    consumer.seek(tp, found.next_offset - 1)
    fetched = await consumer.getmany(tp, timeout_ms=1000, max_records=1)
    records = fetched.get(tp, ())
    if (
        records
        and records[0].offset == found.next_offset - 1
        and records[0].timestamp != found.last_append_time
    ):
        raise RefusedToStart(
            f"{tp.topic} partition {tp.partition}: offset {found.next_offset - 1} holds another record than the one "
            "that was applied: the topic was deleted and recreated. Its state belongs to the old topic; "
            "docs/operations.md, 'When the position does not fit'."
        )


async def end_if_nothing_follows(connection: Connection, tp: TopicPartition, next_offset: int) -> int:
    """The end of the log if only transaction markers and aborted records stand from `next_offset` on, else that."""
    consumer = _new_consumer(connection)
    await consumer.start()
    try:
        end: int = (await consumer.end_offsets([tp]))[tp]
        if end > next_offset:
            consumer.assign([tp])
            consumer.seek(tp, next_offset)
            while await consumer.position(tp) < end:
                if await consumer.getmany(tp, timeout_ms=200, max_records=1):
                    return next_offset
        return max(end, next_offset)
    finally:
        await consumer.stop()


def _new_consumer(connection: Connection) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection.client_options(),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=RESTORE_FETCH_BYTES,
        fetch_max_bytes=4 * RESTORE_FETCH_BYTES,
        # A broker answers one request of a connection at a time: a fetch that waits for data which will not come
        # would hold each of the questions below up by half a second.
        fetch_max_wait_ms=10,
    )
