"""Fetched records that know which part of the log they stand for, so that whoever applies them sees what is missing.

Offsets of records do not tell: between two records that follow each other may stand transaction markers, aborted
records, and a whole fetch that was lost on its way.
"""

from collections.abc import Iterable

from aiokafka.consumer import fetcher

from streams.wire.records import SourceRecord


class FetchedRange(list[SourceRecord]):
    """All records of a partition from offset `begin` to before `end`; the range that is handed out next begins there.

    Seeks apart: after one, the next range begins where it went to.
    """

    __slots__ = ("begin", "end")

    def __init__(self, records: Iterable[SourceRecord], begin: int, end: int) -> None:
        super().__init__(records)
        self.begin = begin
        self.end = end


class FetchResult(fetcher.FetchResult):  # type: ignore[misc]
    """What a fetch brought of one partition, handed out as ranges."""

    def getall(self, max_records: int | None = None) -> list[SourceRecord]:
        """The next records, with the part of the log that they stand for."""
        unpacking = self._partition_records
        begin = unpacking.next_fetch_offset
        records = super().getall(max_records)
        end = unpacking.next_fetch_offset
        if begin == end:
            # Paused, unassigned or sought meanwhile: thrown away, and the position has not moved.
            return []
        state = self._assignment.state_value(self._topic_partition)
        # Of markers and aborted records alone nobody hears: the fetcher hands no empty list on. So they are counted
        # to what follows them, if that is what is read next. Kept where the position is, which ends with the assignment.
        empty_begin, empty_end = getattr(state, "read_without_records", (begin, begin))
        if empty_end == begin:
            begin = empty_begin
        if not records:
            state.read_without_records = (begin, end)
            return []
        return FetchedRange(records, begin, end)


def fetch_ranges() -> None:
    """Let every aiokafka consumer of this process hand out `FetchedRange`s. Call before the first one is started."""
    fetcher.FetchResult = FetchResult
