"""A producer whose record batches the native core writes: aiokafka's builder takes 3 us for each record."""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

from streams.running.log.log import Write
from streams.running.patches.producer import KafkaProducer, are_small, quick_lz4, quick_zstd
from streams.running.patches.unpacking import RECORDS_AT

# What a batch of version 2 begins with: base offset, the length of what follows, the leader's epoch, the
# version, and the checksum of what follows; then the attributes, the last offset, the first and the largest
# timestamp, the producer's id, epoch and sequence, and the number of records.
_HEAD: Final = struct.Struct(">qiibI")
_REST: Final = struct.Struct(">hiqqqhii")
_LENGTH_AFTER: Final = 12
_NO_LEADER_EPOCH: Final = -1
_VERSION: Final = 2
_TRANSACTIONAL: Final = 0x10


class EncodedBatch:
    """Encoded records as a batch that aiokafka's producer takes for one of its own BatchBuilders.

    `records` are as `tocsin_native.encode_records` returns them, with their number; all have the timestamp.
    """

    def __init__(
        self, records: bytes, number: int, timestamp_ms: int, codec: int, compress: Callable[[bytes], bytes]
    ) -> None:
        self._records = records
        self._number = number
        self._timestamp = timestamp_ms
        self._codec = codec
        self._compress = compress
        self._producer = (-1, -1, 0)
        self._built: bytes | None = None

    def record_count(self) -> int:
        """The number of records in the batch."""
        return self._number

    def closed(self) -> bool:
        """Whether nothing can be added: never anything."""
        return True

    def close(self) -> None:
        """Do nothing: it is closed."""

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = producer_id, producer_epoch, base_sequence

    def _build(self) -> bytes:
        # Once: a batch that is sent again is the same, with the same sequence.
        if self._built is None:
            self._built = self._bytes()
            self._records = b""
        return self._built

    def _bytes(self) -> bytes:
        attributes = self._codec | _TRANSACTIONAL
        last, time = self._number - 1, self._timestamp
        rest = _REST.pack(attributes, last, time, time, *self._producer, self._number)
        # As aiokafka's builder, also where that makes it larger (partitions/outputs.py).
        rest += self._compress(self._records)
        length = _HEAD.size - _LENGTH_AFTER + len(rest)
        return _HEAD.pack(0, length, _NO_LEADER_EPOCH, _VERSION, calc_crc32c(rest)) + rest


class NativeProducer(KafkaProducer):
    """The Producer of log/log.py, with the native core, which must be installed."""

    def __init__(self, **options: Any) -> None:
        from tocsin_native import encode_records  # noqa: PLC0415  # optional

        super().__init__(**options)
        self.encode_records = encode_records

    def batches(self, rows: Sequence[Write], timestamp_ms: int) -> Iterator[EncodedBatch]:
        """The rows in full batches."""
        lz4 = DefaultRecordBatch.CODEC_LZ4, quick_lz4
        zstd = DefaultRecordBatch.CODEC_ZSTD, quick_zstd
        codec = lz4 if are_small(rows) else zstd
        room = self._message_accumulator._batch_size - RECORDS_AT
        begin = 0
        while begin < len(rows):
            records, number = self.encode_records(rows, begin, room)
            yield EncodedBatch(records, number, timestamp_ms, *codec)
            begin += number
            codec = zstd
