"""Sending a record to the partition that is its home: the one that keeps what the record is about."""

from streams.partition.batch import Outcome
from streams.partition.state import PartitionMemory
from streams.wire.dead_letter import Rejected
from streams.wire.origin import is_internal, with_origin
from streams.wire.records import MAX_PASSED_ON_BYTES, OutputRecord, SourceRecord, bytes_on_the_wire


class NotAtHome(Exception):
    """A re-keyed record lies in a partition that is not its home: the number of partitions was changed."""


def send_home(
    state: PartitionMemory, record: SourceRecord, topic: str, key: bytes, home: int, outcome: Outcome
) -> None:
    """Write a record of another partition, unjudged, to partition `home` of the stage's internal topic.

    Raises NotAtHome for one that was sent here by an owner like this one, Rejected for one that is too large.
    """
    if is_internal(record):
        raise NotAtHome(
            f"{record.topic} partition {record.partition} offset {record.offset}: the home of this record is "
            f"partition {home} of {state.partitions}. The number of partitions was changed."
        )
    pass_on(record, topic, key, home, outcome)
    outcome.counters["rekeyed"] += 1


def pass_on(record: SourceRecord, topic: str, key: bytes, partition: int, outcome: Outcome) -> None:
    """Write a record to another topic with where it first stood. Raises Rejected for one that is too large."""
    headers = with_origin(record)
    if bytes_on_the_wire(key, record.value, headers) > MAX_PASSED_ON_BYTES:
        limit = f"Must be at most {MAX_PASSED_ON_BYTES} bytes, uncompressed, with key and value."
        raise Rejected("oversized", "headers", limit)
    outcome.outputs.append(OutputRecord(topic, partition, key, record.value, headers))
