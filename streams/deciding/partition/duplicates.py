"""Recognising duplicates of the last reports, requests and outcomes applied in a partition."""

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from xxhash import xxh3_64_intdigest

from streams.contract.wire.state_records import STATE_VERSION

# A batch rewrites every slot it touches. 1,000 hashes are 8 KB: a batch of 5,000 reports rewrites 6 slots
# with 48 KB, one report rewrites one; smaller slots mean more keys, larger ones more bytes per small batch.
SLOT_SIZE = 1_000

# The version byte of a slot. Slots of the first version may hold hashes of source and id alone.
_WITHOUT_KEY = STATE_VERSION
_WITH_KEY = b"\x02"
SLOT_VERSIONS = (_WITHOUT_KEY, _WITH_KEY)


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


class RecentIds:
    """The hashes of the last `remembered` applied reports and outcomes, in numbered slots of 1,000.

    Slot n holds reports n * 1,000 to n * 1,000 + 999 counted from the first ever applied, so slots of a state
    written with another `remembered` keep their meaning. A slot of the first version stays one until it is
    deleted, even if it is filled up with hashes of the second.
    """

    __slots__ = ("_hashes", "_next", "_old", "_remembered", "_slots", "_touched")

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._slots: dict[int, array[int]] = {}
        self._hashes: set[int] = set()
        self._next = 0
        self._old: set[int] = set()
        self._touched: dict[int, None] = {}

    @property
    def slots(self) -> int:
        """The number of state records that the hashes take."""
        return len(self._slots)

    @property
    def size(self) -> int:
        """The approximate size of those records in bytes: the newest slot counts as full."""
        return len(self._slots) * SLOT_SIZE * 8

    def new_event(self, ce_source: str, event_id: str, key: str) -> int | None:
        """Return what to `add` once the report or request is applied; None if it is a duplicate."""
        hashed = event_hash(ce_source, event_id, key)
        if hashed in self._hashes:
            return None
        if self._old and event_hash_without_key(ce_source, event_id) in self._hashes:
            return None
        return hashed

    def new_outcome(self, ce_source: str, outcome_id: str, key: str) -> int | None:
        """Return what to `add` once the outcome is applied; None if it is a duplicate."""
        hashed = outcome_hash(ce_source, outcome_id, key)
        if hashed in self._hashes:
            return None
        if self._old and outcome_hash_without_key(ce_source, outcome_id) in self._hashes:
            return None
        return hashed

    def new_decision(self, ce_source: str, outcome_id: str, key: str) -> int | None:
        """Return what to `add` once a desk's outcome is applied; None if it is a duplicate."""
        hashed = decision_hash(ce_source, outcome_id, key)
        return None if hashed in self._hashes else hashed

    def __contains__(self, hashed: int) -> bool:
        return hashed in self._hashes

    def add(self, hashed: int) -> None:
        """Remember an event that is not yet remembered, and forget the oldest one if there are too many."""
        number, place = divmod(self._next, SLOT_SIZE)
        if place == 0:
            self._slots[number] = array("Q")
        self._slots[number].append(hashed)
        self._touched[number] = None
        self._hashes.add(hashed)
        self._next += 1
        leaving = self._next - 1 - self._remembered
        if leaving >= 0:
            self._forget(leaving)

    @property
    def hashes(self) -> set[int]:
        """All hashes remembered. Change them with `add` and `add_all` only."""
        return self._hashes

    @property
    def has_hashes_without_key(self) -> bool:
        """Whether slots of the first version are left, which know events by source and id alone."""
        return bool(self._old)

    def add_all(self, hashed: Sequence[int]) -> None:
        """Remember events that are not yet remembered, in this order, as `add` does one by one."""
        begin = 0
        while begin < len(hashed):
            number, place = divmod(self._next, SLOT_SIZE)
            part = hashed[begin : begin + SLOT_SIZE - place]
            if place == 0:
                self._slots[number] = array("Q")
            self._slots[number].extend(part)
            self._touched[number] = None
            self._hashes.update(part)
            begin += len(part)
            before, self._next = self._next, self._next + len(part)
            for leaving in range(max(0, before - self._remembered), self._next - self._remembered):
                self._forget(leaving)

    def _forget(self, sequence: int) -> None:
        number, place = divmod(sequence, SLOT_SIZE)
        slot = self._slots.get(number)
        if slot is None:
            # It was dropped earlier, under a smaller `remembered`.
            return
        self._hashes.discard(slot[place])
        if place == SLOT_SIZE - 1:
            self._delete(number)

    def _delete(self, number: int) -> None:
        del self._slots[number]
        self._old.discard(number)
        self._touched[number] = None

    def drain_changes(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the slots changed since the last call, with version; None for one no longer needed."""
        for number in self._touched:
            slot = self._slots.get(number)
            if slot is None:
                yield number, None
            else:
                yield number, (_WITHOUT_KEY if number in self._old else _WITH_KEY) + _to_bytes(slot)
        self._touched = {}

    @classmethod
    def restore(cls, remembered: int, slots: dict[int, bytes]) -> "RecentIds":
        """Build from the slots of `drain_changes`; the next changes delete those beyond `remembered`."""
        recent = cls(remembered)
        if not slots:
            return recent
        recent._old = {number for number, slot in slots.items() if slot[:1] == _WITHOUT_KEY}
        recent._slots = {number: _from_bytes(slots[number][1:]) for number in sorted(slots)}
        newest = max(slots)
        recent._next = newest * SLOT_SIZE + len(recent._slots[newest])
        oldest_kept = max(0, recent._next - remembered)
        for number, slot in list(recent._slots.items()):
            if (number + 1) * SLOT_SIZE <= oldest_kept:
                recent._delete(number)
            else:
                recent._hashes.update(slot[max(0, oldest_kept - number * SLOT_SIZE) :])
        return recent


def merge_slots(remembered: int, partitions: Sequence[Mapping[int, bytes]]) -> dict[int, bytes]:
    """Return the slots (with version) of a partition that takes over from several, newest hashes last.

    Takes one hash of each in turn, from the newest on, until there are `remembered`: all of them lose their
    oldest. Nothing says which of two partitions applied an id later.
    """
    newest_first = [
        [
            hashed
            for number in sorted(slots, reverse=True)
            for hashed in reversed(_from_bytes(slots[number][1:]))
        ]
        for slots in partitions
    ]
    # A hash may be in several partitions, if a change before this one had copied it. The newest copy counts.
    kept: dict[int, None] = {}
    for row in zip_longest(*newest_first):
        kept.update((hashed, None) for hashed in row if hashed is not None and hashed not in kept)
        if len(kept) >= remembered:
            break
    hashes = array("Q", list(kept)[:remembered])
    hashes.reverse()
    # A hash does not show its version, so all slots are of the first one if any was.
    versions = {slot[:1] for slots in partitions for slot in slots.values()}
    version = min(versions, default=_WITH_KEY)
    return {
        start // SLOT_SIZE: version + _to_bytes(hashes[start : start + SLOT_SIZE])
        for start in range(0, len(hashes), SLOT_SIZE)
    }


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
