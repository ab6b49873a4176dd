"""Fetched records together with the part of the log that they cover, which shows when records are missing.

The records' own offsets do not show it: a gap between two of them may be transaction markers, aborted
records, or a whole fetch that was lost on its way.
"""

from collections.abc import Iterable

from aiokafka.consumer import fetcher

from streams.runtime.append_times import StampedRecord


class FetchedRange(list[StampedRecord]):
    """All records of a partition from offset `begin` up to, and not including, `end`.

    The next range begins at `end`, or, after a seek, at the offset sought.
    """

    __slots__ = ("begin", "end")

    def __init__(self, records: Iterable[StampedRecord], begin: int, end: int) -> None:
        super().__init__(records)
        self.begin = begin
        self.end = end


class FetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """The records of one partition that a fetch returned, handed out as ranges."""

    def getall(self, max_records: int | None = None) -> list[StampedRecord]:
        """The next records as a FetchedRange, or an empty list."""
        unpacking = self._partition_records
        begin = unpacking.next_fetch_offset
        records = super().getall(max_records)
        end = unpacking.next_fetch_offset
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
        return FetchedRange(records, begin, end)


def install_fetched_range() -> None:
    """Make every aiokafka consumer of this process return FetchedRanges. Call before the first one starts."""
    fetcher.FetchResult = FetchResult
