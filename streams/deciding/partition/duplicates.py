"""Recognising duplicates of the reports, requests and outcomes applied in a partition.

Ids are kept for a time, by the partition's time, and up to a number, which bounds the memory. They are kept
as 64-bit hashes: if 5 million are, a new one is taken for one of them with a chance of 3 in 10**13.
"""

import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from streams.contract.wire.state_records import STATE_VERSION
from streams.contract.wire.times import HOUR
from streams.deciding.partition.id_table import IdTable
from streams.deciding.partition.settings import PartitionSettings

# Hashes in a slot, which is one state record. A batch writes the slots to which it adds: a batch of 5,000
# reports 11 of them, with 42 KB, and one report up to 4 KB. Smaller slots mean more keys, larger ones more
# bytes per small batch.
SLOT_SIZE = 500

# Kept whatever their age. Quiet partitions, desks and authorities may repeat something after days; these take
# 4 MB.
LEAST_REMEMBERED = 200_000

# The version byte of a slot. Those of the first two have up to 1,000 hashes and no times; those of the first
# may hold hashes of source and id alone.
_WITHOUT_KEY = STATE_VERSION
_WITHOUT_TIMES = b"\x02"
_WITH_TIMES = b"\x03"
SLOT_VERSIONS = (_WITHOUT_KEY, _WITHOUT_TIMES, _WITH_TIMES)

# `without_key`, `until` and `before` of a slot.
_TIMES = Struct(">?QQ")
# Bytes before the hashes of a slot.
SLOT_HEAD = 1 + _TIMES.size


def event_hash(ce_source: str, event_id: str, key: str) -> int:
    """Return the 64-bit hash of the idempotency key of a report or request.

    `key` is what its home depends on: the channel's ref, or the request's id. With it, nobody can suppress an
    event of another channel by guessing its source and id. Id and key have no NUL, so no two events share a
    text.
    """
    return xxh3_64_intdigest(f"{ce_source}\0{event_id}\0{key}".encode())


def outcome_hash(ce_source: str, outcome_id: str, key: str) -> int:
    """Return the 64-bit hash of an outcome's idempotency key.

    Its text ends in NUL; that of a report never does.
    """
    return xxh3_64_intdigest(f"{ce_source}\0{outcome_id}\0{key}\0".encode())


def decision_hash(ce_source: str, outcome_id: str, key: str) -> int:
    """Return the 64-bit hash of the idempotency key of a desk's outcome. Its text ends in two NULs."""
    return xxh3_64_intdigest(f"{ce_source}\0{outcome_id}\0{key}\0\0".encode())


def event_hash_without_key(ce_source: str, event_id: str) -> int:
    """Return the hash that slots of the first version hold of a report or request."""
    return xxh3_64_intdigest(f"{ce_source}\0{event_id}".encode())


def outcome_hash_without_key(ce_source: str, outcome_id: str) -> int:
    """Return the hash that slots of the first version hold of an outcome."""
    return xxh3_64_intdigest(f"{ce_source}\0{outcome_id}\0".encode())


class Slot(NamedTuple):
    """Hashes in the order in which they were added, the last one at `until` (ms of the partition's time).

    All that was added to earlier slots was added by `before`, 0 if there were none. `without_key`: hashes of
    source and id alone are among them.
    """

    until: int
    before: int
    hashes: "array[int]"
    without_key: bool = False

    def encode(self) -> bytes:
        """Return the state record."""
        times = _TIMES.pack(self.without_key, self.until, self.before)
        return _WITH_TIMES + times + _to_bytes(self.hashes)


class _Full(NamedTuple):
    """A slot to which nothing is added any more; `ids` is the number of its hashes."""

    number: int
    until: int
    ids: int


class RecentIds:
    """The hashes of what was applied in a partition, in numbered slots, with the times of `settings`.

    They are those of the last `duplicates_hours`, and the newest 200,000 whatever their age, but at most
    `duplicates_most`. A slot is forgotten as a whole, when another one begins, so up to 500 more may be kept.
    All times are the partition's, in ms. `fresh` are the hashes of the current slot, `table` has those of all
    others, which `ids` makes.
    """

    __slots__ = (
        "_before", "_changes", "_current", "_forgotten", "_full", "_ids", "_keep_ms", "_least", "_most",
        "_number", "_until", "_without_key", "_written", "fresh", "table",
    )  # fmt: skip

    def __init__(self, settings: PartitionSettings, ids: Callable[[int], IdTable] = IdTable) -> None:
        self._keep_ms = settings.duplicates_hours * HOUR
        self._most = settings.duplicates_most
        self._least = min(LEAST_REMEMBERED, self._most)
        self.table = ids(0)
        self._full: deque[_Full] = deque()
        # In the full slots.
        self._ids = 0
        self._without_key: set[int] = set()
        self._forgotten = 0
        # The current slot: `_written` of its hashes are in the state.
        self._number = self._until = self._before = self._written = 0
        self._current = array("Q")
        self.fresh: set[int] = set()
        # The records of slots that became full or were forgotten since the last `drain_changes`.
        self._changes: dict[int, bytes | None] = {}

    def __len__(self) -> int:
        return self._ids + len(self._current)

    @property
    def forgotten_until(self) -> int:
        """When the newest id was applied that is forgotten; 0 if none is.

        All ids applied later are known. Nothing is applied before it has occurred, so whatever occurred later
        is new if its id is not known.
        """
        return self._forgotten

    @property
    def room(self) -> int:
        """How many more ids can be added so that none but the last makes others be forgotten."""
        return SLOT_SIZE - len(self._current) or 1

    @property
    def slots(self) -> int:
        """The number of state records that the hashes take."""
        return len(self._full) + bool(self._current)

    @property
    def size(self) -> int:
        """The size of those records in bytes."""
        return self.slots * SLOT_HEAD + len(self) * 8

    def new_event(self, ce_source: str, event_id: str, key: str) -> int | None:
        """Return what to `add` once the report or request is applied; None if it is a duplicate."""
        hashed = event_hash(ce_source, event_id, key)
        if hashed in self.fresh or self.table.slots_of(hashed):
            return None
        if self._without_key and self._has_without_key(event_hash_without_key(ce_source, event_id)):
            return None
        return hashed

    def new_outcome(self, ce_source: str, outcome_id: str, key: str) -> int | None:
        """Return what to `add` once the outcome is applied; None if it is a duplicate."""
        hashed = outcome_hash(ce_source, outcome_id, key)
        if hashed in self:
            return None
        if self._without_key and self._has_without_key(outcome_hash_without_key(ce_source, outcome_id)):
            return None
        return hashed

    def new_decision(self, ce_source: str, outcome_id: str, key: str) -> int | None:
        """Return what to `add` once a desk's outcome is applied; None if it is a duplicate."""
        hashed = decision_hash(ce_source, outcome_id, key)
        return None if hashed in self else hashed

    def __contains__(self, hashed: object) -> bool:
        return isinstance(hashed, int) and (hashed in self.fresh or bool(self.table.slots_of(hashed)))

    @property
    def has_hashes_without_key(self) -> bool:
        """Whether slots of the first version are left, which know events by source and id alone."""
        return bool(self._without_key)

    def _has_without_key(self, hashed: int) -> bool:
        return not self._without_key.isdisjoint(self.table.slots_of(hashed))

    def add(self, hashed: int, now: int) -> None:
        """Remember an event that is not yet remembered, and that was applied at `now`."""
        if len(self._current) == SLOT_SIZE:
            self._begin_slot(now)
        self._current.append(hashed)
        self.fresh.add(hashed)
        self._until = now

    def add_all(self, hashed: Sequence[int], now: int) -> None:
        """Remember as many events as there is `room` for, the last of which was applied at `now`."""
        if len(self._current) == SLOT_SIZE:
            self._begin_slot(now)
        self._current.extend(hashed)
        self.fresh.update(hashed)
        self._until = now

    def _begin_slot(self, now: int) -> None:
        ended, ids = self._number, len(self._current)
        slot = self._changes[ended] = self._current_slot().encode()
        self._full.append(_Full(ended, self._until, ids))
        self._ids += ids
        self._begin_at(ended + 1)
        full = self._full
        while full and (
            self._ids + SLOT_SIZE > self._most
            or (full[0].until < now - self._keep_ms and self._ids - full[0].ids >= self._least)
        ):
            number, until, ids = full.popleft()
            self._ids -= ids
            self._without_key.discard(number)
            self._forgotten = max(self._forgotten, until)
            self._changes[number] = None
        self.table.add(slot[SLOT_HEAD:], ended, full[0].number if full else ended + 1, self._ids)

    def _begin_at(self, number: int) -> None:
        self._before = max(self._forgotten, self._full[-1].until if self._full else 0)
        self._number, self._until, self._current, self._written = number, 0, array("Q"), 0
        self.fresh = set()

    def _current_slot(self) -> Slot:
        return Slot(self._until, self._before, self._current)

    def turn_back(self, clock: int) -> None:
        """Take all ids for applied by `clock` at the latest: the partition's time was ahead, and is now that.

        They are remembered from then on as long as others.
        """
        self._full = deque(slot._replace(until=min(slot.until, clock)) for slot in self._full)
        self._forgotten = min(self._forgotten, clock)
        self._until = min(self._until, clock)
        self._before = min(self._before, clock)
        # Its `before` says of earlier slots that theirs is no later.
        self._written = -1

    def drain_changes(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the slots changed since the last call, with version; None for one no longer needed."""
        yield from self._changes.items()
        self._changes = {}
        if self._current and len(self._current) != self._written:
            yield self._number, self._current_slot().encode()
            self._written = len(self._current)

    @classmethod
    def restore(
        cls,
        settings: PartitionSettings,
        slots: Mapping[int, bytes],
        now: int,
        ids: Callable[[int], IdTable] = IdTable,
    ) -> "RecentIds":
        """Build from the slots of `drain_changes`, in a partition whose time is `now`."""
        recent = cls(settings, ids)
        found = dict(zip(sorted(slots), read_slots(slots, now), strict=True))
        if not found:
            return recent
        recent._forgotten = next(iter(found.values())).before
        first, number = min(found), max(found)
        last = found[number]
        continued = slots[number][:1] == _WITH_TIMES and not last.without_key
        if continued:
            del found[number]
        recent._ids = sum(len(slot.hashes) for slot in found.values())
        recent.table = ids(recent._ids)
        for ended, slot in found.items():
            recent.table.add(_to_bytes(slot.hashes), ended, first, recent._ids)
            recent._full.append(_Full(ended, slot.until, len(slot.hashes)))
            if slot.without_key:
                recent._without_key.add(ended)
        recent._begin_at(number if continued else number + 1)
        if continued:
            recent._until, recent._before, recent._current = last.until, last.before, last.hashes
            recent.fresh = set(last.hashes)
            recent._written = len(last.hashes)
        return recent


def read_slots(slots: Mapping[int, bytes], now: int) -> list[Slot]:
    """Return the slots of a partition whose time is `now`, the oldest first.

    Those without times were added to by the time at which the next one with times begins. What was forgotten
    before them is not known, so they say that nothing was.
    """
    found = []
    latest = now
    for number in sorted(slots, reverse=True):
        version, data = slots[number][:1], slots[number][1:]
        if version == _WITH_TIMES:
            without_key, until, before = _TIMES.unpack_from(data)
            # The time was set back since if it is later.
            slot = Slot(
                min(until, latest), min(before, latest), _from_bytes(data[_TIMES.size :]), without_key
            )
            latest = slot.before
        else:
            slot = Slot(latest, 0, _from_bytes(data), version == _WITHOUT_KEY)
        found.append(slot)
    found.reverse()
    return found


def merge_slots(most: int, partitions: Iterable[Sequence[Slot]]) -> dict[int, bytes]:
    """Return the slots of a partition that takes over from several: their newest, up to `most` hashes.

    `partitions` are what `read_slots` returns.
    """
    forgotten = 0
    # A slot may be in several partitions, if a change before this one had copied it.
    kept: dict[bytes, tuple[int, int, Slot]] = {}
    for slots in partitions:
        if slots:
            forgotten = max(forgotten, slots[0].before)
        for place, slot in enumerate(slots):
            # Of slots of one time, as those of earlier versions are, the last of each come last.
            kept[slot.hashes.tobytes()] = (slot.until, place - len(slots), slot)
    newest_first = [slot for *_, slot in sorted(kept.values(), key=lambda row: row[:2], reverse=True)]
    total = 0
    for number, slot in enumerate(newest_first):
        total += len(slot.hashes)
        if total > most:
            forgotten = max(forgotten, slot.until)
            newest_first = newest_first[:number]
            break
    merged = {}
    before = forgotten
    for number, slot in enumerate(reversed(newest_first)):
        merged[number] = slot._replace(before=before).encode()
        before = max(before, slot.until)
    return merged


def _to_bytes(slot: "array[int]") -> bytes:
    if sys.byteorder == "big":
        slot = slot[:]
        slot.byteswap()
    return slot.tobytes()


def _from_bytes(data: bytes) -> "array[int]":
    slot = array("Q")
    slot.frombytes(data)
    if sys.byteorder == "big":
        slot.byteswap()
    return slot
