"""The home partition of a channel or request: the one that keeps its state."""

import struct
from collections.abc import Sequence

from streams.contract.wire.partitioner import (
    LONGEST_TOGETHER,
    murmur2,
    murmur2_of_all,
    murmur2_of_block,
    partition_of_hash,
)
from streams.contract.wire.records import SourceRecord

# Most reports of an hour concern few channels, so 65,536 refs nearly always hit; at about 200 bytes each the
# cache stays under 15 MB. It is emptied when full: that is cheaper than tracking the order of use, and it
# refills within a second.
CACHED_REFS = 65_536

# Hashing the keys of a batch together costs a quarter of hashing them one by one, but covers all of them: it
# pays if more than this share of a batch concerns channels that were not seen lately.
NEW_FOR_HASHING_TOGETHER = 1 / 4

# The key of a reporter's records: the digits of a 64-bit hash.
_HASH_DIGITS = 16


class HomePartitions:
    """Key and home partition of channels and requests, cached for those seen lately."""

    __slots__ = ("_foreseen", "_known", "_new", "partitions")

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._known: dict[str, tuple[bytes, int]] = {}
        self._foreseen: dict[bytes, int] = {}
        self._new = 0

    def of(self, channel_ref: str) -> tuple[bytes, int]:
        """Return the record key of a channel or request, and its home partition."""
        found = self._known.get(channel_ref)
        if found is None:
            if len(self._known) >= CACHED_REFS:
                self._known.clear()
            key = channel_ref.encode()
            found = self._known[channel_ref] = (key, self.of_key(key))
        return found

    def of_key(self, key: bytes) -> int:
        """Return the home partition of a record key that is seen once.

        It is not cached, and hashed together as in `hash_in_advance`.
        """
        self._new += 1
        hashed = self._foreseen.get(key)
        return partition_of_hash(murmur2(key) if hashed is None else hashed, self.partitions)

    def of_hashes(self, hashes: Sequence[int]) -> Sequence[int]:
        """Return the homes of keys that spell 64-bit hashes in hexadecimal digits; none of it is cached."""
        digits = struct.pack(f">{len(hashes)}Q", *hashes).hex().encode()
        found = murmur2_of_block(digits, _HASH_DIGITS, len(hashes))
        return [partition_of_hash(each, self.partitions) for each in found]

    def of_refs(self, refs: Sequence[str]) -> Sequence[int]:
        """Return the homes of channels; those that were not seen lately are hashed together."""
        known = self._known
        new = {ref: ref.encode() for ref in refs if ref not in known}
        if len(known) + len(new) > CACHED_REFS:
            known.clear()
            new = {ref: ref.encode() for ref in refs}
        hashed = murmur2_of_all(new.values())
        for ref, key in new.items():
            known[ref] = key, partition_of_hash(hashed[key], self.partitions)
        return [known[ref][1] for ref in refs]

    def hash_in_advance(self, records: Sequence[SourceRecord]) -> None:
        """Hash the keys of a batch in advance if that saves time: most publishers use the ref as key.

        Affects only how long `of` takes.
        """
        new, self._new = self._new, 0
        self._foreseen = {}
        if new <= NEW_FOR_HASHING_TOGETHER * len(records):
            return
        keys = (record.key or b"" for record in records)
        # A longer key is not a channel ref.
        self._foreseen = murmur2_of_all(key for key in keys if len(key) <= LONGEST_TOGETHER)
