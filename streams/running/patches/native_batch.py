"""Record batches that the native core reads: key, value and headers are made when Python asks for them.

What the core leaves out is read as always: records larger than a chunk, with many headers, or damaged. To be
imported only where the core is installed.
"""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from tocsin_native import FetchedRecord, read_records

from streams.running.patches.fetched_records import PartitionRecords
from streams.running.patches.lenient_batch import Chunk, Given, LenientBatch
from streams.running.patches.lenient_records import LenientRecords
from streams.running.patches.record_bytes import CHUNK_BYTES


class NativeBatch(LenientBatch):
    """A batch of a partition, whose records are tocsin_native.FetchedRecords where it has nothing unusual."""

    def __init__(self, data: memoryview, given: Given, place: TopicPartition) -> None:
        super().__init__(data, given)
        batch = self.batch
        self.place = place.topic, place.partition, batch.base_offset
        self.timestamps = batch.timestamp_type, batch.first_timestamp, batch.max_timestamp

    def chunk(self, data: bytes, at: int, end: int, count: int) -> Chunk:
        """The records of a chunk up to the first damaged one."""
        if end - at <= CHUNK_BYTES:
            records = read_records(data, (at, end), count, self.place, self.timestamps)
            if records is not None:
                return Chunk(records, headers=0)
        return super().chunk(data, at, end, count)


class NativeRecords(LenientRecords):
    """The batches of a fetch of one partition."""

    place: TopicPartition

    def make_batch(self, data: memoryview) -> NativeBatch:
        """A batch of version 2 with these bytes."""
        return NativeBatch(data, self.given, self.place)


class NativePartitionRecords(PartitionRecords):
    """The records of one partition that a fetch returned."""

    def __init__(self, tp: TopicPartition, records: NativeRecords, *arguments: Any) -> None:
        records.place = tp
        super().__init__(tp, records, *arguments)

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        # It knows where it is from.
        return record if type(record) is FetchedRecord else super()._consumer_record(tp, record)


def install_native_batches() -> None:
    """Make every aiokafka consumer of this process read with the native core, which must be installed."""
    fetcher.MemoryRecords = NativeRecords
    fetcher.PartitionRecords = NativePartitionRecords
