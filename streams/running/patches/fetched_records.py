"""Fetched records as named tuples: making aiokafka's own takes half the time of unpacking."""

from typing import Any, NamedTuple

from aiokafka.consumer import fetcher

from streams.contract.wire.records import new_tuple


class FetchedRecord(NamedTuple):
    """A consumed record; `timestamp` in ms since the epoch, `timestamp_type` 0 (create) or 1 (append)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one partition that a fetch returned.

    We set no deserialisers, so copying the fields is enough.
    """

    def _consumer_record(self, tp: Any, record: Any) -> FetchedRecord:
        return new_tuple(
            FetchedRecord,
            (
                tp.topic,
                tp.partition,
                record.offset,
                record.timestamp,
                record.timestamp_type,
                record.key,
                record.value,
                record.headers,
            ),
        )


def install_fetched_records() -> None:
    """Make every aiokafka consumer of this process return FetchedRecords."""
    fetcher.PartitionRecords = PartitionRecords
