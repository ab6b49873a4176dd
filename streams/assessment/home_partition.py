"""Which partition is the home of a channel: the one where its counts and episodes are kept."""

import struct

# Constants of MurmurHash2 and the seed that Kafka's Java client uses. Java's default partitioner is the one rule that
# every publisher can follow by setting the channel ref as key, and then nothing needs to be re-keyed.
_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF

# Most reports of an hour concern few channels, so that 65,536 refs nearly always hit; at about 200 bytes each the
# cache stays under 15 MB. It is emptied when full: cheaper than keeping an order of use, and refilled within a second.
CACHED_REFS = 65_536


def murmur2(data: bytes) -> int:
    """Hash as Kafka's Java client does (`Utils.murmur2`), unsigned 32 bits."""
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


def home_partition(key: bytes, partitions: int) -> int:
    """The partition that Java's default partitioner gives to a record with this key."""
    return (murmur2(key) & _POSITIVE) % partitions


class HomePartitions:
    """Key and home of channels among `partitions`, remembered for those seen lately."""

    __slots__ = ("_known", "_partitions")

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[str, tuple[bytes, int]] = {}

    def of(self, channel_ref: str) -> tuple[bytes, int]:
        """The record key of a channel and its home partition."""
        found = self._known.get(channel_ref)
        if found is None:
            if len(self._known) >= CACHED_REFS:
                self._known.clear()
            key = channel_ref.encode()
            found = self._known[channel_ref] = (key, home_partition(key, self._partitions))
        return found
