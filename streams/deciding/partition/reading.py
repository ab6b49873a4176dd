"""How a stage reads bundles: entry by entry, in slices, from where the batch before it stopped."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from streams.contract.wire.bundle import BundleForm, Entry
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.failing import Place, place_of
from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.records import SourceRecord, bytes_of_values
from streams.deciding.partition.batch import Apply, apply_slice
from streams.deciding.partition.limits import Limits
from streams.deciding.partition.partly_read import PartlyRead


@dataclass(frozen=True, slots=True)
class Bundled(Generic[Entry]):
    """What a stage does with the entries of bundles in its internal topic.

    `handle` applies one of them in a batch, as a Handler applies a record. `published` gives the record that
    an entry of a bundle was published as, for its dead letter; for what no publisher wrote, one in the place
    of the bundle. `apply` applies a slice of them.
    """

    form: BundleForm[Entry]
    handle: Callable[[Any, Entry], None]
    published: Callable[[Entry, SourceRecord], SourceRecord]
    apply: Apply = apply_slice

    def published_at(self, entry: Entry, bundle: SourceRecord) -> str:
        """Return where an entry was published, for people; empty for what no publisher wrote."""
        record = self.published(entry, bundle)
        return "" if record.topic == bundle.topic else str(place_of(record))


def bundled_in(forms: Iterable[Bundled[Any]], record: SourceRecord) -> Bundled[Any] | None:
    """Return what a stage that reads these forms does with a bundle; None for any other record."""
    return next((bundled for bundled in forms if bundled.form.is_bundle(record)), None)


class Cursor:
    """Where a batch is in its records.

    `record` is the index of the next one; if it is a bundle, some of its entries may be applied. Bundles are
    unpacked when they are read, one or a few small ones of one form at a time: an entry takes ten times the
    memory of its bytes in a log. `bundled` is what is done with those that were unpacked last.

    With `last_entries` the batch ends inside of its last record, if that is a bundle: before the entry of
    this number, or if those before it are applied already, after the next one.
    """

    __slots__ = (
        "_at",
        "_begin",
        "_cut",
        "_ends",
        "_entries",
        "_forms",
        "_last_entries",
        "_partitions",
        "_partly",
        "_records",
        "bundled",
        "record",
    )

    def __init__(
        self,
        records: Sequence[SourceRecord],
        forms: Sequence[Bundled[Any]],
        partly: PartlyRead,
        partitions: int,
        last_entries: int | None = None,
    ) -> None:
        self.record = 0
        self._last_entries = last_entries
        # Whether the last bundle is left before its end.
        self._cut = False
        self._records = records
        self._forms = forms
        self.bundled: Bundled[Any] | None = None
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
        for bundled in self._forms:
            is_bundle = bundled.form.is_bundle
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
        before = bisect_right(self._ends, at)
        begin = self._ends[before - 1] if before else self._begin
        bundle = self._records[self.record + before]
        assert self.bundled is not None
        published = self.bundled.published_at(self._entries[at], bundle)
        return place_of(bundle)._replace(entry=at - begin, published=published)

    def bundle_of(self, entry: Any) -> SourceRecord:
        """Return the bundle in which an entry of the slice came."""
        at = next(at for at in range(self._at, len(self._entries)) if self._entries[at] is entry)
        return self._records[self.record + bisect_right(self._ends, at)]

    def _unpack(self, limits: Limits) -> None:
        records = self._records
        self._entries, self._at, self._begin = [], 0, 0
        self.bundled = bundled = bundled_in(self._forms, records[self.record])
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
