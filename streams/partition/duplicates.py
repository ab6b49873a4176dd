"""Recognising duplicates of the last reports, requests and outcomes applied in a partition."""

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from xxhash import xxh3_64_intdigest

# A batch rewrites every slot it touches. 1,000 hashes are 8 KB: a batch of 5,000 reports rewrites 6 slots with 48 KB,
# one report rewrites one; smaller slots mean more keys, larger ones more bytes per small batch.
SLOT_SIZE = 1_000


def event_hash(ce_source: str, report_id: str) -> int:
    """Return the 64-bit hash of an idempotency key. A report_id has no NUL, so no two pairs share a text."""
    return xxh3_64_intdigest(f"{ce_source}\0{report_id}".encode())


def outcome_hash(ce_source: str, outcome_id: str) -> int:
    """Return the 64-bit hash of an outcome's idempotency key. Its text ends in NUL; a report's never does."""
    return xxh3_64_intdigest(f"{ce_source}\0{outcome_id}\0".encode())


class RecentIds:
    """The hashes of the last `remembered` applied reports and outcomes, in numbered slots of 1,000.

    Slot n holds reports n * 1,000 to n * 1,000 + 999 counted from the first ever applied, so slots of a state
    written with another `remembered` keep their meaning.
    """

    __slots__ = ("_hashes", "_next", "_remembered", "_slots", "_touched")

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._slots: dict[int, array[int]] = {}
        self._hashes: set[int] = set()
        self._next = 0
        self._touched: dict[int, None] = {}

    @property
    def slots(self) -> int:
        """The number of state records that the hashes take."""
        return len(self._slots)

    @property
    def size(self) -> int:
        """The approximate size of those records in bytes: the newest slot counts as full."""
        return len(self._slots) * SLOT_SIZE * 8

    def __contains__(self, hashed: int) -> bool:
        return hashed in self._hashes

    def add(self, hashed: int) -> None:
        """Remember a report that is not yet remembered, and forget the oldest one if there are too many."""
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

    def _forget(self, sequence: int) -> None:
        number, place = divmod(sequence, SLOT_SIZE)
        slot = self._slots.get(number)
        if slot is None:
            # It was dropped earlier, under a smaller `remembered`.
            return
        self._hashes.discard(slot[place])
        if place == SLOT_SIZE - 1:
            del self._slots[number]
            self._touched[number] = None

    def drain_changes(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the slots changed since the last call, with None for one that is no longer needed."""
        for number in self._touched:
            slot = self._slots.get(number)
            yield number, None if slot is None else _to_bytes(slot)
        self._touched = {}

    @classmethod
    def restore(cls, remembered: int, slots: dict[int, bytes]) -> "RecentIds":
        """Build from the slots of `drain_changes`; the next changes delete those beyond `remembered`."""
        recent = cls(remembered)
        if not slots:
            return recent
        recent._slots = {number: _from_bytes(slots[number]) for number in sorted(slots)}
        newest = max(slots)
        recent._next = newest * SLOT_SIZE + len(recent._slots[newest])
        oldest_kept = max(0, recent._next - remembered)
        for number, slot in list(recent._slots.items()):
            if (number + 1) * SLOT_SIZE <= oldest_kept:
                del recent._slots[number]
                recent._touched[number] = None
            else:
                recent._hashes.update(slot[max(0, oldest_kept - number * SLOT_SIZE) :])
        return recent


def merge_slots(remembered: int, partitions: Sequence[Mapping[int, bytes]]) -> dict[int, bytes]:
    """Return the slots of a partition that takes over from several: their hashes, the newest of each last.

    Takes one hash of each in turn, from the newest on, until there are `remembered`: all of them lose their
    oldest. Nothing says which of two partitions applied an id later.
    """
    newest_first = [
        [hashed for number in sorted(slots, reverse=True) for hashed in reversed(_from_bytes(slots[number]))]
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
    return {
        start // SLOT_SIZE: _to_bytes(hashes[start : start + SLOT_SIZE])
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
