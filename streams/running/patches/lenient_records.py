"""Reads records at which aiokafka would stop for ever: odd header names, and batches that cannot be unpacked.

Kafka's protocol defines header names as strings, but brokers do not check it and some clients send arbitrary
bytes. aiokafka decodes them while it unpacks a fetch, so one such record raises at every attempt until an
operator moves the offset. A batch that unpacks to more memory than there is has the same effect: each worker
that reads it is killed.
"""

import struct
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.legacy_records import LegacyRecordBatch

from streams.running.patches.lenient_batch import Given, LenientBatch

# A batch begins with base offset (8 bytes) and length (4 bytes); the length counts what follows. The version
# of the format is at the same place in all versions.
_LENGTH = struct.Struct(">8xi")
_VERSION_AT = 16


class LenientRecords:
    """The batches of a fetch, with the interface of `aiokafka.record.MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._at = 0
        self._batch: LenientBatch | None = None
        self.given = Given()

    def size_in_bytes(self) -> int:
        """Bytes of the whole fetch."""
        return len(self._fetched)

    def has_next(self) -> bool:
        """Whether another complete batch follows; a fetch may end in the middle of one."""
        return self._end() <= len(self._fetched)

    def next_batch(self) -> Any:
        """The next batch, or None."""
        end = self._end()
        if end > len(self._fetched):
            return None
        batch = self._fetched[self._at : end]
        self._at = end
        version = batch[_VERSION_AT]
        if version >= 2:
            self._batch = self.make_batch(batch)
            return self._batch
        # Before version 2 records had no headers. Brokers convert such batches when they are published.
        self.given.memory += len(batch)
        return LegacyRecordBatch(batch, version)

    def make_batch(self, data: memoryview) -> LenientBatch:
        """A batch of version 2 with these bytes."""
        return LenientBatch(data, self.given)

    def let_go(self) -> None:
        """Free the unpacked bytes of the batch that is being read. Reading on unpacks them again."""
        if self._batch is not None:
            self._batch.let_go()

    def _end(self) -> int:
        if len(self._fetched) - self._at < _LENGTH.size:
            return len(self._fetched) + 1
        (length,) = _LENGTH.unpack_from(self._fetched, self._at)
        end: int = self._at + _LENGTH.size + length
        return end


def install_lenient_records() -> None:
    """Make every aiokafka consumer of this process read LenientRecords."""
    fetcher.MemoryRecords = LenientRecords
