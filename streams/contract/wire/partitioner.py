"""The default partitioner of Kafka's Java client.

It takes MurmurHash2 (`Utils.murmur2`) of the key, modulo the partitions. It is the one rule that every
publisher can follow: with the channel's ref as key, nothing needs to be re-keyed.
"""

import struct
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence

# Constants of MurmurHash2 and the seed that Kafka's Java client uses.
_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


# Refs of channels have up to 128 bytes. Hashing longer keys together with few others takes longer than alone,
# and so does hashing fewer than these.
LONGEST_TOGETHER = 128
FEWEST_TOGETHER = 6


def home_partition(key: bytes, partitions: int) -> int:
    """Return the partition of a record with this key."""
    return partition_of_hash(murmur2(key), partitions)


def partition_of_hash(hashed: int, partitions: int) -> int:
    """Return the partition of a record whose key has this hash. The partitioner clears the sign bit."""
    return (hashed & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return the hash as an unsigned 32-bit number."""
    length = len(data)
    tail = length & ~3
    h = _SEED ^ length
    for word in struct.unpack_from(f"<{length >> 2}I", data):
        k = word * _MULTIPLIER & _MASK
        k = (k ^ (k >> 24)) * _MULTIPLIER & _MASK
        h = (h * _MULTIPLIER & _MASK) ^ k
    if tail < length:
        h = (h ^ int.from_bytes(data[tail:], "little")) * _MULTIPLIER & _MASK
    h = (h ^ (h >> 13)) * _MULTIPLIER & _MASK
    return h ^ (h >> 15)


def murmur2_of_all(keys: Iterable[bytes]) -> dict[bytes, int]:
    """Return the hashes of keys: of many that are equally long 0.4 us each instead of 2.2."""
    by_length: defaultdict[int, list[bytes]] = defaultdict(list)
    for key in keys:
        by_length[len(key)].append(key)
    found: dict[bytes, int] = {}
    for length, alike in by_length.items():
        if length % 4 or length > LONGEST_TOGETHER or len(alike) < FEWEST_TOGETHER:
            found.update((key, murmur2(key)) for key in alike)
        else:
            found.update(zip(alike, murmur2_of_block(b"".join(alike), length, len(alike)), strict=True))
    return found


def murmur2_of_block(keys: bytes, length: int, number: int) -> Sequence[int]:
    """Return the hashes of so many keys of the same `length`, a multiple of 4, that follow each other.

    All keys go through each step at once, as the 64-bit lanes of one large integer. A product of two 32-bit
    numbers stays in its lane, and bits that a shift moves over from the next lane are masked.
    """
    words = _lanes("I", keys)
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * number, "little")
    mask = ones * _MASK
    h = ones * (_SEED ^ length)
    for place in range(length >> 2):
        k = _number(array("Q", words[place :: length >> 2])) * _MULTIPLIER & mask
        k = (k ^ (k >> 24 & mask)) * _MULTIPLIER & mask
        h = (h * _MULTIPLIER & mask) ^ k
    h = (h ^ (h >> 13 & mask)) * _MULTIPLIER & mask
    h ^= h >> 15 & mask
    return _lanes("Q", h.to_bytes(8 * number, "little"))


def _lanes(kind: str, data: bytes) -> "array[int]":
    lanes = array(kind)
    lanes.frombytes(data)
    return _little_endian(lanes)


def _number(lanes: "array[int]") -> int:
    return int.from_bytes(_little_endian(lanes).tobytes(), "little")


def _little_endian(lanes: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        lanes.byteswap()
    return lanes
