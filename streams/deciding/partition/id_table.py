"""Many 64-bit hashes, each with the slot that it belongs to, in some 22 bytes each."""

from itertools import chain, compress
from struct import Struct, unpack
from typing import Final

# An entry of a bucket: the hash and the last 16 bits of the number of its slot, little-endian.
_HASH: Final = 8
_ENTRY: Final = 10
_ENTRIES: Final = Struct(f"{_ENTRY}s")
# For bytes.translate: a bit of each byte as 0 or 1, and the other one of these two.
_BITS: Final = [bytes(byte >> bit & 1 for byte in range(256)) for bit in range(8)]
_NOT: Final = bytes((1, 0, *range(2, 256)))

# Each time that a bucket has grown by so many bytes, what no longer counts is cut off.
_STEP: Final = 16 * _ENTRY
# A bucket in which more counts is split. Looking through so many bytes takes half a microsecond; smaller
# buckets take more memory than their entries.
_FULL: Final = 72 * _ENTRY
# Beyond this table of buckets, of 4 MB, buckets grow instead: somebody who chooses ids so that many hashes
# share their last bits makes one bucket slow, and no table large. It is enough for 30 million hashes.
_MOST_PLACES: Final = 1 << 19

# The filter has so many bytes for each hash, up to twice as many after it was doubled.
_SPARSE: Final = 4
# More slots at a time would be taken for each other.
MOST_SLOTS: Final = 1 << 16
# So many slots share an age in the filter, whose ages are bytes other than 0.
_SLOTS_PER_AGE: Final = 64
_AGES: Final = 255

_NONE: Final[list[int]] = []


class IdTable:
    """Hashes added in the order of their slots, of which those from slot `first` to `last` count.

    A Python set of them takes 85 bytes each, and open addressing in an array up to 27, with a copy of all of
    them whenever it is doubled. Here the buckets grow one by one: the table of buckets, which names a bucket
    at several places until it is split, is doubled in a moment (extendible hashing). In each bucket the
    oldest entries are in front, so that they can be cut off. Most hashes that are asked for are new, and a
    byte says so of four out of five: it has the age of the newest hash with the same last bits.
    """

    __slots__ = (
        "_age", "_alive", "_buckets", "_depths", "_filter", "_last", "_live", "_mask", "_places",
    )  # fmt: skip

    def __init__(self, expected: int = 0) -> None:
        """Make an empty table, in which `expected` hashes have room before the first bucket is split."""
        depth = (expected // 48).bit_length()
        self._mask = (1 << depth) - 1
        self._buckets = [bytearray() for _ in range(1 << depth)]
        # By place: how many last bits the hashes in its bucket have in common.
        self._depths = bytearray((depth,)) * (1 << depth)
        self._filter = bytearray(1 << max(10, (_SPARSE * expected).bit_length()))
        self._places = len(self._filter) - 1
        self._count_from(0, 0)

    def add(self, hashes: bytes, slot: int, first: int, known: int) -> None:
        """Add the hashes of `slot`, eight bytes each, little-endian.

        Count the slots from `first` on, which have up to `known` hashes. Neither of the two ever falls.
        """
        self._count_from(first, slot)
        while _SPARSE * known > len(self._filter):
            self._filter *= 2
        places = self._places = len(self._filter) - 1
        age, ages = self._age, self._filter
        buckets, mask = self._buckets, self._mask
        number = len(hashes) // _HASH
        # Column by column, because that takes a tenth of the time of joining each hash and its tag.
        entries = bytearray(number * _ENTRY)
        for column in range(_HASH):
            entries[column::_ENTRY] = hashes[column::_HASH]
        entries[_HASH::_ENTRY] = bytes((slot & 0xFF,)) * number
        entries[_HASH + 1 :: _ENTRY] = bytes((slot >> 8 & 0xFF,)) * number
        for hashed, (entry,) in zip(
            unpack(f"<{number}Q", hashes), _ENTRIES.iter_unpack(entries), strict=True
        ):
            bucket = buckets[hashed & mask]
            bucket += entry
            ages[hashed & places] = age
            if len(bucket) % _STEP == 0:
                self._tidy(hashed)
                mask = self._mask

    def _count_from(self, first: int, last: int) -> None:
        self._last = last
        self._live = last - first
        newest, oldest = last // _SLOTS_PER_AGE, first // _SLOTS_PER_AGE
        self._age = newest % _AGES + 1
        alive = bytearray(_AGES + 1)
        for age in range(max(oldest, newest - _AGES + 1), newest + 1):
            alive[age % _AGES + 1] = 1
        self._alive = bytes(alive)

    def slots_of(self, hashed: int) -> list[int]:
        """Return the slots that count and have the hash, the oldest first."""
        if not self._alive[self._filter[hashed & self._places]]:
            return _NONE
        bucket = self._buckets[hashed & self._mask]
        entry = hashed.to_bytes(_HASH, "little")
        place = bucket.find(entry)
        if place < 0:
            return _NONE
        found = []
        while place >= 0:
            if place % _ENTRY == 0:
                begun_since = self._begun_since(bucket, place)
                if begun_since <= self._live:
                    found.append(self._last - begun_since)
            place = bucket.find(entry, place + 1)
        return found

    def _begun_since(self, bucket: bytearray, place: int) -> int:
        """Return how many slots have begun since that of an entry."""
        return (self._last - (bucket[place + _HASH] | bucket[place + _HASH + 1] << 8)) % MOST_SLOTS

    def _tidy(self, hashed: int) -> None:
        """Cut off what no longer counts in the bucket of a hash, and split it if too much is left."""
        bucket = self._buckets[hashed & self._mask]
        last, live = self._last, self._live
        first, end = 0, len(bucket) // _ENTRY
        while first < end:
            middle = first + end >> 1
            tag = middle * _ENTRY + _HASH
            if (last - (bucket[tag] | bucket[tag + 1] << 8)) % MOST_SLOTS > live:
                first = middle + 1
            else:
                end = middle
        del bucket[: first * _ENTRY]
        if len(bucket) > _FULL:
            self._split(hashed)

    def _split(self, hashed: int) -> None:
        place = hashed & self._mask
        bucket, depth = self._buckets[place], self._depths[place]
        bit = 1 << depth
        if bit > self._mask:
            if bit >= _MOST_PLACES:
                return
            self._buckets *= 2
            self._depths *= 2
            self._mask = self._mask << 1 | 1
        # What the next bit of each entry is.
        bits = bucket[depth >> 3 :: _ENTRY].translate(_BITS[depth & 7])
        halves = [
            bytearray().join(chain.from_iterable(compress(_ENTRIES.iter_unpack(bucket), chosen)))
            for chosen in (bits.translate(_NOT), bits)
        ]
        for at in range(place & (bit - 1), len(self._buckets), bit):
            self._buckets[at] = halves[at >> depth & 1]
            self._depths[at] = depth + 1
