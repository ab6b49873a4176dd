"""A record batch that is unpacked within limits, and whose damaged records have others take their places."""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import structlog
from aiokafka.record.default_records import DefaultRecordBatch

from streams.contract.wire.records import HEADERS_DROPPED, MAX_HEADERS, NOT_UNPACKED, Headers
from streams.running.log.memory import HEADER_OVERHEAD_BYTES, RECORD_OVERHEAD_BYTES
from streams.running.patches.record_bytes import CHUNK_BYTES, ReadRecord, next_chunk, read_record
from streams.running.patches.unpacking import ATTRIBUTES_AT, CODEC, COUNT_AT, unpacked

logger = structlog.get_logger(__name__)

_COUNT = struct.Struct(">i")


class Given:
    """What the records take, in bytes of memory, that a fetch has given so far."""

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = 0


class NotUnpacked(NamedTuple):
    """Takes the place of a record whose batch cannot be unpacked: only its offset is known."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None = b""
    value: bytes | None = b""
    headers: Headers = NOT_UNPACKED


class Chunk(NamedTuple):
    """Records, how many objects there are for their headers, and what is wrong with the next record."""

    records: list[Any]
    headers: int
    damage: Exception | None = None


class LenientBatch:
    """A batch that is unpacked within a size limit, and made into records a chunk at a time."""

    def __init__(self, data: memoryview, given: Given) -> None:
        self._data = data
        self.batch = DefaultRecordBatch(data)
        self._given = given
        head = bytearray(data[:COUNT_AT])
        head[ATTRIBUTES_AT] &= ~CODEC
        self._head = bytes(head)
        self._unpacked: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch, name)

    def __next__(self) -> Any:
        return next(self.batch)

    def __iter__(self) -> Iterator[Any]:
        batch, read, at = self.batch, 0, 0
        (records,) = _COUNT.unpack_from(self._data, COUNT_AT)
        size = 0
        try:
            while read < records:
                if self._unpacked is None:
                    self._unpacked = unpacked(self._data)
                data = self._unpacked
                size = len(data)
                end, count = next_chunk(data, at, records - read)
                found, headers, damage = self.chunk(data, at, end, count)
                if found:
                    read += len(found)
                    last = found.pop()
                    yield from found
                    # Counted before the last one is given: a range that ends here leaves no objects behind.
                    del found, data
                    self._given.memory += (
                        end - at + RECORD_OVERHEAD_BYTES * count + HEADER_OVERHEAD_BYTES * headers
                    )
                    yield last
                    del last
                if damage is not None:
                    raise damage
                at = end
            if at != size:
                raise ValueError("bytes follow the last record")
        except (MemoryError, OSError):
            # The machine is the cause, not the batch: after a restart there may be enough memory.
            raise
        except Exception as error:  # noqa: BLE001  # any other error would be raised at every attempt
            # Source topics are not compacted, so every offset up to the batch's end is a record.
            first = batch.base_offset + read
            logger.warning(
                "a batch cannot be unpacked",
                offset=first,
                producer_id=batch.producer_id,
                error=repr(error),
            )
            self.let_go()
            for offset in range(first, batch.next_offset):
                self._given.memory += RECORD_OVERHEAD_BYTES
                yield NotUnpacked(offset, batch.max_timestamp, batch.timestamp_type)
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Free the unpacked bytes. Reading on unpacks them again."""
        self._unpacked = None

    def chunk(self, data: bytes, at: int, end: int, count: int) -> Chunk:
        """The records of a chunk up to the first damaged one."""
        found: list[Any] = []
        damage = None
        try:
            if end - at > CHUNK_BYTES:
                self._read(data, at, count, found)
            else:
                chunk = b"".join((self._head, _COUNT.pack(count), memoryview(data)[at:end]))
                try:
                    # After an error, the list has the records before it.
                    found.extend(DefaultRecordBatch(chunk))
                except UnicodeDecodeError:
                    self._read(data, at, count, found)
        except Exception as error:  # noqa: BLE001  # raised once the records before it were given
            damage = error
        headers = sum([len(record.headers) for record in found])
        if headers > MAX_HEADERS:
            found = [_within_limit(record) for record in found]
        return Chunk(found, headers, damage)

    def _read(self, data: bytes, at: int, count: int, found: list[Any]) -> None:
        """Add to `found` the records that are not in it yet, with our own reader, which is slower."""
        batch = self.batch
        timestamps = batch.timestamp_type, batch.first_timestamp, batch.max_timestamp
        for number in range(count):
            record, at = read_record(data, at, batch.base_offset, timestamps)
            if number == len(found):
                found.append(record)


def _within_limit(record: Any) -> Any:
    if len(record.headers) <= MAX_HEADERS:
        return record
    dropped = ((HEADERS_DROPPED, b"%d" % len(record.headers)),)
    return ReadRecord(
        record.offset, record.timestamp, record.timestamp_type, record.key, record.value, dropped
    )
