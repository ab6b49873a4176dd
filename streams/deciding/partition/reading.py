"""How a stage reads bundles: entry by entry, in slices, from where the batch before it stopped."""

import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

from streams.contract.wire.bundle import BundleForm, Entry
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.failing import Place, place_of
from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.records import SourceRecord, bytes_of_values
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.deciding.partition.limits import Limits

PARTLY_READ: Final = b"I"
"""State key of how far a bundle is applied; only of a partition whose last batch ended inside of one."""

_PLACE: Final = struct.Struct(">QQI")


@dataclass(frozen=True, slots=True)
class Bundled(Generic[Entry]):
    """What a stage does with the entries of bundles in its internal topic.

    `handle` applies one of them in a batch, as a Handler applies a record. `published` gives the record that
    an entry was published as, for its dead letter.
    """

    form: BundleForm[Entry]
    handle: Callable[[Any, Entry], None]
    published: Callable[[Entry], SourceRecord]


class PartlyRead:
    """How many entries are applied of the bundle after the position: 0, unless a batch ended inside of it.

    A batch ends there if its limits are reached: one entry may lead to more due steps than a transaction
    holds. It is state, not part of the position: it is committed with the position all the same, and what
    runs the stages need not know that a record can be applied in part. `offset` and `appended` name the
    bundle, so it cannot be mistaken for another one if an operator creates the topic anew.
    """

    __slots__ = ("_changed", "appended", "entries", "offset")

    def __init__(self) -> None:
        self.offset = self.appended = self.entries = 0
        self._changed = False

    def of(self, record: SourceRecord) -> int:
        """Return how many entries of this bundle are applied."""
        known = self.entries and (self.offset, self.appended) == (record.offset, record.timestamp)
        return self.entries if known else 0

    def stop(self, record: SourceRecord, entries: int) -> None:
        """Note that a batch ends after so many entries of a bundle."""
        self.offset, self.appended, self.entries = record.offset, record.timestamp, entries
        self._changed = True

    def pass_over(self) -> None:
        """Note that no bundle is read in part any more."""
        if self.entries:
            self.offset = self.appended = self.entries = 0
            self._changed = True

    def drain_change(self) -> tuple[bytes, bytes | None] | None:
        """Return the state record if it changed since the last call, with None for one to delete."""
        if not self._changed:
            return None
        self._changed = False
        packed = STATE_VERSION + _PLACE.pack(self.offset, self.appended, self.entries)
        return PARTLY_READ, packed if self.entries else None

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore the record. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self.offset, self.appended, self.entries = _PLACE.unpack_from(value, 1)


def moved_bundle(value: bytes, before: int, offset: int, appended: int) -> bytes | None:
    """Return a PARTLY_READ record for a log in which the bundle has another `offset` and append time (ms).

    `before` is the offset of the bundle in the log in which it was read in part. Return None if `value` names
    another one. Raises UnknownStateVersion.
    """
    partly = PartlyRead()
    partly.restore(PARTLY_READ, value)
    if partly.offset != before:
        return None
    return STATE_VERSION + _PLACE.pack(offset, appended, partly.entries)


class Cursor:
    """Where a batch is in its records.

    `record` is the index of the next one; if it is a bundle, some of its entries may be applied. Bundles are
    unpacked when they are read, one or a few small ones at a time: an entry takes ten times the memory of
    its bytes in a log.

    With `last_entries` the batch ends inside of its last record, if that is a bundle: before the entry of
    this number, or if those before it are applied already, after the next one.
    """

    __slots__ = (
        "_at",
        "_begin",
        "_bundled",
        "_cut",
        "_ends",
        "_entries",
        "_last_entries",
        "_partitions",
        "_partly",
        "_records",
        "record",
    )

    def __init__(
        self,
        records: Sequence[SourceRecord],
        bundled: Bundled[Any] | None,
        partly: PartlyRead,
        partitions: int,
        last_entries: int | None = None,
    ) -> None:
        self.record = 0
        self._last_entries = last_entries
        # Whether the last bundle is left before its end.
        self._cut = False
        self._records = records
        self._bundled = bundled
        self._partly = partly
        self._partitions = partitions
        # The entries of bundles from `record` on, the next of them, where each bundle ends among them, and
        # where the first one begins: before them if a part of it was applied earlier.
        self._entries: list[Any] = []
        self._at = 0
        self._ends: deque[int] = deque()
        self._begin = 0

    @property
    def is_at_end(self) -> bool:
        """Whether nothing remains."""
        return self.record >= len(self._records) or (self._cut and self._at == len(self._entries))

    def entries(self, limits: Limits) -> Sequence[Any]:
        """Return the entries of the next slice; none if the next record is no bundle that can be read.

        Raises NotAtHome if it was written for another number of partitions.
        """
        if self._at == len(self._entries):
            self._unpack(limits)
        return self._entries[self._at : self._at + limits.slice_records]

    def plain(self, limits: Limits) -> Sequence[SourceRecord]:
        """Return the records of the next slice, of which none but the first may be a bundle."""
        begin = self.record
        found = self._records[begin : begin + limits.slice_records]
        if self._bundled is not None:
            is_bundle = self._bundled.form.is_bundle
            end = next((n for n, record in enumerate(found) if n and is_bundle(record)), len(found))
            found = found[:end]
        while len(found) > 1 and bytes_of_values(found) > limits.slice_bytes:
            found = found[: len(found) // 2]
        return found

    def apply_entries(self, number: int) -> None:
        """Note that so many of `entries` were applied."""
        self._at += number
        while self._ends and self._at >= self._ends[0] and not (self._cut and len(self._ends) == 1):
            self._begin = self._ends.popleft()
            self._partly.pass_over()
            self.record += 1

    def stop(self) -> int:
        """Note in the state where the batch ends; return how many entries of the next record are applied."""
        inside = self._at - self._begin if self._ends else 0
        if inside:
            self._partly.stop(self._records[self.record], inside)
        return inside

    def place(self, number: int) -> Place:
        """Return where the entry at this place of the slice is."""
        at = self._at + number
        bundle = bisect_right(self._ends, at)
        begin = self._ends[bundle - 1] if bundle else self._begin
        assert self._bundled is not None
        published = str(place_of(self._bundled.published(self._entries[at])))
        return place_of(self._records[self.record + bundle])._replace(entry=at - begin, published=published)

    def _unpack(self, limits: Limits) -> None:
        bundled, records = self._bundled, self._records
        self._entries, self._at, self._begin = [], 0, 0
        if bundled is None:
            return
        size = 0
        for index in range(self.record, len(records)):
            record = records[index]
            if (
                len(self._entries) >= limits.slice_records
                or size >= limits.slice_bytes
                or not bundled.form.is_bundle(record)
            ):
                break
            try:
                bundle = bundled.form.read(record)
            except Rejected:
                # It becomes a dead letter as a record.
                break
            if bundle.partitions != self._partitions:
                raise NotAtHome(_not_at_home(record, bundle.partitions, self._partitions))
            applied = self._partly.of(record)
            if not self._ends:
                self._begin = -applied
            entries = bundle.entries
            if index == len(records) - 1 and self._last_entries is not None:
                entries = entries[: max(self._last_entries, applied + 1)]
                self._cut = len(entries) < len(bundle.entries)
            self._entries += entries[applied:]
            self._ends.append(len(self._entries))
            size += len(record.value or b"")
        # For bundles without entries.
        self.apply_entries(0)


def _not_at_home(record: SourceRecord, before: int, now: int) -> str:
    return (
        f"{place_of(record)}: reports were passed on to this partition when there were {before} partitions, "
        f"and there are {now} now: see docs/operations-state.md, 'Changing the number of partitions'."
    )
