"""Reads records at which aiokafka would stop for ever: odd header names, and batches that cannot be unpacked.

Kafka's protocol defines header names as strings, but brokers do not check it and some clients send arbitrary
bytes. aiokafka decodes them while it unpacks a fetch, so one such record raises at every attempt until an
operator moves the offset. A batch that unpacks to more memory than there is has the same effect: each worker
that reads it is killed.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import structlog
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch

from streams.runtime.patches.unpacking import unpacked
from streams.wire.records import NOT_UNPACKED, Headers

logger = structlog.get_logger(__name__)

# A batch begins with base offset (8 bytes) and length (4 bytes); the length counts what follows. The version
# of the format is at the same place in all versions.
_LENGTH = struct.Struct(">8xi")
_VERSION_AT = 16


class LenientRecords:
    """The batches of a fetch, with the interface of `aiokafka.record.MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._at = 0

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
        # Before version 2 records had no headers.
        return LenientBatch(batch) if version >= 2 else LegacyRecordBatch(batch, version)

    def _end(self) -> int:
        if len(self._fetched) - self._at < _LENGTH.size:
            return len(self._fetched) + 1
        (length,) = _LENGTH.unpack_from(self._fetched, self._at)
        end: int = self._at + _LENGTH.size + length
        return end


class NotUnpacked(NamedTuple):
    """Takes the place of a record whose batch cannot be unpacked: only its offset is known."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None = b""
    value: bytes | None = b""
    headers: Headers = NOT_UNPACKED


class LenientBatch:
    """A batch that is unpacked within a size limit. If a header name is not text, it is read by the slower decoder."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._batch = DefaultRecordBatch(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            data = unpacked(self._data)
            batch = self._batch if data is self._data else DefaultRecordBatch(data)
            try:
                for record in batch:
                    yield record
                    read += 1
            except UnicodeDecodeError:
                for record in islice(_PatientBatch(data), read, None):
                    yield record
                    read += 1
        except (MemoryError, OSError):
            # The machine is the cause, not the batch: after a restart there may be enough memory.
            raise
        except Exception as error:  # noqa: BLE001  # any other error would be raised at every attempt
            # Source topics are not compacted, so every offset up to the batch's end is a record.
            first = self._batch.base_offset + read
            logger.warning(
                "a batch cannot be unpacked",
                offset=first,
                producer_id=self._batch.producer_id,
                error=repr(error),
            )
            for offset in range(first, self._batch.next_offset):
                yield NotUnpacked(offset, self._batch.max_timestamp, self._batch.timestamp_type)


class _PatientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's pure Python batch, which escapes the bytes of a header name that are not text."""

    def __iter__(self) -> Any:
        batch = super().__iter__()
        batch._buffer = _PatientBuffer(batch._buffer)
        return batch


class _PatientBuffer(bytearray):
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return found if isinstance(found, int) else _PatientBuffer(found)

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def install_lenient_records() -> None:
    """Make every aiokafka consumer of this process read LenientRecords."""
    fetcher.MemoryRecords = LenientRecords
