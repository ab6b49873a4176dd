"""Reads records whose header names are not UTF-8, which would stop aiokafka at their partition for ever.

Kafka's protocol calls header names strings, but brokers do not look and some clients send any bytes. aiokafka decodes
them while it unpacks a fetch, so that one such record keeps raising until somebody moves the offset by hand.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch

# Base offset (8 bytes) and length (4) stand before each batch; the length counts what follows. The format's version
# is at the same place in every version of it.
_LENGTH = struct.Struct(">8xi")
_VERSION_AT = 16


class LenientRecords:
    """The batches of a fetch, as `aiokafka.record.MemoryRecords` gives them."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Bytes of the whole fetch."""
        return len(self._fetched)

    def has_next(self) -> bool:
        """Whether a whole batch is left; a fetch may end in the middle of one."""
        return self._end() <= len(self._fetched)

    def next_batch(self) -> Any:
        """The next batch, or None."""
        end = self._end()
        if end > len(self._fetched):
            return None
        batch = self._fetched[self._at : end]
        self._at = end
        version = batch[_VERSION_AT]
        # Before version 2 records had no headers.
        return LenientBatch(batch) if version >= 2 else LegacyRecordBatch(batch, version)

    def _end(self) -> int:
        if len(self._fetched) - self._at < _LENGTH.size:
            return len(self._fetched) + 1
        (length,) = _LENGTH.unpack_from(self._fetched, self._at)
        end: int = self._at + _LENGTH.size + length
        return end


class LenientBatch:
    """A batch that is unpacked as usual, and once more with patience if that fails."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._batch = DefaultRecordBatch(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        unpacked = 0
        try:
            for record in self._batch:
                yield record
                unpacked += 1
        except UnicodeDecodeError:
            patient = _PatientBatch(self._data)
            for number, record in enumerate(patient):
                if number >= unpacked:
                    yield record


class _PatientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's batch in Python, with bytes of a header's name that are no text escaped."""

    def __iter__(self) -> Any:
        batch = super().__iter__()
        batch._buffer = _PatientBuffer(batch._buffer)  # noqa: SLF001
        return batch


class _PatientBuffer(bytearray):
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return found if isinstance(found, int) else _PatientBuffer(found)

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def read_leniently() -> None:
    """Let every aiokafka consumer of this process read so."""
    fetcher.MemoryRecords = LenientRecords
