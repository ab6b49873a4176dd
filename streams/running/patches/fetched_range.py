"""Fetched records together with the part of the log that they cover, which shows when records are missing.

The records' own offsets do not show it: a gap between two of them may be transaction markers, aborted
records, or a whole fetch that was lost on its way.
"""

from collections.abc import Iterable
from typing import Any

from aiokafka.consumer import fetcher

from streams.running.log.append_times import StampedRecord
from streams.running.log.memory import MAX_POLLED_BYTES


class FetchedRange(list[StampedRecord]):
    """All records of a partition from offset `begin` up to, and not including, `end`.

    The next range begins at `end`, or, after a seek, at the offset sought. `memory` is about what the records
    take, in bytes.
    """

    __slots__ = ("begin", "end", "memory")

    def __init__(self, records: Iterable[StampedRecord], begin: int, end: int, memory: int) -> None:
        super().__init__(records)
        self.begin = begin
        self.end = end
        self.memory = memory


class FetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """The records of one partition that a fetch returned, handed out as ranges that fit in memory."""

    # None once all are handed out.
    _partition_records: Any

    def held_bytes(self) -> int:
        """Bytes of the fetch, 0 once all its records were handed out."""
        size: int = 0 if self._partition_records is None else self._partition_records._records.size_in_bytes()
        return size

    def getall(self, max_records: int | None = None) -> list[StampedRecord]:
        """The next records as a FetchedRange, or an empty list.

        It ends where the records given out in this poll take MAX_POLLED_BYTES; the rest remains for the next
        one. With `max_records` the caller sets the limit.
        """
        # What is left of a poll is kept with the assignment, the one object that its results share.
        room = getattr(self._assignment, "room", MAX_POLLED_BYTES)
        if room <= 0:
            return []
        unpacking = self._partition_records
        begin = unpacking.next_fetch_offset
        fetch = unpacking._records
        before = fetch.given.memory
        records = self.next_within(before + room) if max_records is None else super().getall(max_records)
        end = unpacking.next_fetch_offset
        fetch.let_go()
        memory = fetch.given.memory - before
        self._assignment.room = room - memory
        if begin == end:
            # The partition was paused, revoked or sought meanwhile: the records were dropped and the position
            # is unchanged.
            return []
        state = self._assignment.state_value(self._topic_partition)
        # The fetcher does not pass on an empty list. So a part of the log with only markers and aborted
        # records is added to the range that follows it, if that is read next. It is kept with the position,
        # which ends with the assignment.
        empty_begin, empty_end = getattr(state, "read_without_records", (begin, begin))
        if empty_end == begin:
            begin = empty_begin
        if not records:
            state.read_without_records = (begin, end)
            return []
        return FetchedRange(records, begin, end, memory)

    def next_within(self, memory: int) -> list[StampedRecord]:
        """The next records, until all that the fetch gave out take `memory` bytes; at least one."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        unpacking = self._partition_records
        given = unpacking._records.given
        records = []
        # Its own `__next__` would be one more call for each record.
        for record in unpacking._records_iterator:
            records.append(record)
            if given.memory >= memory:
                self._update_position()
                return records
        self._update_position()
        self._partition_records = None
        return records


def install_fetched_range() -> None:
    """Make every aiokafka consumer of this process return FetchedRanges. Call before the first one starts."""
    fetcher.FetchResult = FetchResult
