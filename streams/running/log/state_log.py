"""Reads a compacted log, such as that of a state, up to an offset."""

import time
from collections.abc import Awaitable, Callable

from aiokafka import TopicPartition

from streams.running.log.log import Log, Reader

# How long reading may stand still before somebody's transaction is taken for abandoned. Markers of a
# transaction that is being ended follow within milliseconds.
GRACE_SECONDS = 0.5

# Is called with the offset up to which a log is to be read while an open transaction holds the reading up;
# returns the new one.
Blocked = Callable[[int], Awaitable[int]]


async def keep_waiting(end: int) -> int:
    """What a reader without the means to end open transactions does: it waits for the brokers to end them."""
    return end


class ReadStall:
    """Notices that reading makes no progress."""

    def __init__(self) -> None:
        self._position = -1
        self._since = time.monotonic()

    def lasts(self, position: int) -> bool:
        """Return whether the position has not changed for GRACE_SECONDS; then the time starts over."""
        now = time.monotonic()
        if position == self._position and now - self._since <= GRACE_SECONDS:
            return False
        stands = position == self._position
        self._position, self._since = position, now
        return stands


async def read_entries(
    consumer: Reader,
    tp: TopicPartition,
    end: int,
    progress: Callable[[], None] = lambda: None,
    blocked: Blocked = keep_waiting,
    start: int | None = None,
) -> tuple[dict[bytes, bytes], int]:
    """Return the last value of every key below the offset `end`, and the number of records read.

    The log begins at `start`; without it the brokers are asked.

    A transaction is in there as a whole or not at all if `end` is one that a read_committed consumer got as
    the end of the log, or the high watermark of a log to which nobody writes. In the latter case an open
    transaction may hold up the reading: after GRACE_SECONDS without progress `blocked` is called with the
    end, and returns the new one.
    """
    consumer.assign([tp])
    entries: dict[bytes, bytes] = {}
    records_read = 0
    consumer.seek(tp, (await consumer.beginning_offsets([tp]))[tp] if start is None else start)
    # By the fetch position, not by the last record's offset: the log may end with a transaction marker.
    standstill = ReadStall()
    while (position := await consumer.position(tp)) < end:
        if standstill.lasts(position):
            end = await _end_of_standstill(consumer, tp, end, blocked)
        fetched = await consumer.getmany(tp, timeout_ms=50)
        for record in fetched.get(tp, ()):
            if record.offset >= end:
                # Written meanwhile; the rest of its transaction may be in the next fetch.
                break
            if record.value is None:
                entries.pop(record.key, None)
            else:
                entries[record.key] = record.value
        if fetched:
            records_read += len(fetched[tp])
            progress()
    return entries, records_read


async def _end_of_standstill(consumer: Reader, tp: TopicPartition, end: int, blocked: Blocked) -> int:
    # A broker that is only slow holds nothing back.
    stable = (await consumer.end_offsets([tp]))[tp]
    return end if stable >= end else await blocked(end)


async def end_if_nothing_follows(log: Log, tp: TopicPartition, next_offset: int) -> int:
    """The end of the log if only markers and aborted records follow `next_offset`, else `next_offset`."""
    async with log.reader() as consumer:
        end = (await consumer.end_offsets([tp]))[tp]
        return (
            next_offset if await anything_follows(consumer, tp, next_offset, end) else max(end, next_offset)
        )


async def anything_follows(
    consumer: Reader,
    tp: TopicPartition,
    next_offset: int,
    end: int,
    blocked: Blocked = keep_waiting,
) -> bool:
    """Return whether there is a committed record between two offsets; false if there are only markers.

    `blocked` as in read_entries.
    """
    if end > next_offset:
        consumer.assign([tp])
        consumer.seek(tp, next_offset)
        standstill = ReadStall()
        while (position := await consumer.position(tp)) < end:
            if standstill.lasts(position):
                end = await _end_of_standstill(consumer, tp, end, blocked)
            if await consumer.getmany(tp, timeout_ms=200, max_records=1):
                return True
    return False
