"""What of a saved partition changes when it is restored: its internal log, and what names offsets."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from aiokafka import TopicPartition

from streams.commands.shared.progress import Progress
from streams.commands.state.pieces import pieces
from streams.commands.state.save_file import Row, waiting_record
from streams.contract.events.internal.source_decision import SOURCE_DECISION_TYPE
from streams.contract.wire.envelope import CE_TYPE
from streams.deciding.partition.admission.source_controls import SOURCE_CONTROL, without_offsets
from streams.deciding.partition.partly_read import PARTLY_READ, moved_bundle
from streams.deciding.reports.decisions_read import DECISIONS_READ
from streams.running.log.log import Appended, Destination, Write
from streams.running.log.position import SourcePosition
from streams.running.log.transaction import Writes
from streams.running.log.writer import Writer

# An operator's decision about a source may name an offset of the old log.
_DECISION = (CE_TYPE, SOURCE_DECISION_TYPE.encode())


class NewInternalLog:
    """The internal log of a partition, to which the records that wait are appended.

    Reading begins at the first of them. What is in the log before was passed on by other workers, or by those
    of this state after it was saved; they will pass it on again. If a restore is repeated, the records are
    appended again, and reading begins at the later ones.

    `same_sources`: whether offsets of the source topics still mean what they meant.
    """

    def __init__(self, writer: Writer, place: TopicPartition, *, same_sources: bool) -> None:
        self.place = place
        self._same_sources = same_sources
        self._writer = writer
        self._old_offset = -1
        self._first: Appended | None = None
        self._partly: bytes | None = None

    def state_rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the records of the state as they are to be written, but for those of `last_state_rows`."""
        for key, value in rows:
            if key == PARTLY_READ:
                self._partly = value
            elif key[:1] == SOURCE_CONTROL and not self._same_sources:
                kept = without_offsets(key, value)
                if kept is not None:
                    yield key, kept
            elif key == DECISIONS_READ:
                # What is read next has other offsets, at least in the internal log.
                continue
            else:
                yield key, value

    async def write(self, rows: Iterable[Row], progress: Progress) -> None:
        """Append the records that wait, all of them in `rows`."""
        for piece in pieces(self._waiting(rows)):
            await self._writer.write({self.place: piece}, self)
            progress.add(len(piece))

    def _waiting(self, rows: Iterable[Row]) -> Iterator[Write]:
        for row in rows:
            record = waiting_record(row)
            assert record is not None
            if _DECISION in record.headers and not self._same_sources:
                continue
            if self._old_offset < 0:
                self._old_offset = record.offset
            yield record.key, record.value, record.headers

    @property
    def logs(self) -> Collection[Destination]:
        """The internal log, of which the first place is to be known."""
        return [self.place]

    async def follow(self, _writes: Writes, appended: Mapping[Destination, Sequence[Appended]]) -> Writes:
        """Note where the first record was appended."""
        if self._first is None:
            self._first = appended[self.place][0]
        return {}

    def last_state_rows(self) -> list[Write]:
        """Return what names the place of a record that waits, with its new place."""
        if self._partly is None or self._first is None:
            return []
        first = self._first
        moved = moved_bundle(self._partly, self._old_offset, first.offset, first.timestamp)
        return [] if moved is None else [(PARTLY_READ, moved, [])]

    async def position(self, partitions: int) -> SourcePosition:
        """Return where to begin: at the first record that waits, or at the end of the log."""
        if self._first is not None:
            return SourcePosition(self._first.offset, partitions, None)
        return SourcePosition((await self._writer.ends([self.place]))[self.place], partitions, None)
