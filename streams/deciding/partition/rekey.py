"""Re-keying: sending a record to its home partition."""

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.origin import NotAtHome, is_internal, with_origin
from streams.contract.wire.records import (
    MAX_HEADERS,
    MAX_PASSED_ON_BYTES,
    Headers,
    OutputRecord,
    SourceRecord,
    bytes_on_the_wire,
)
from streams.deciding.partition.batch import Batch, Counters, Rules, State
from streams.deciding.partition.state import PartitionState


def key_or_rekey(
    batch: Batch[State, Rules, Counters], record: SourceRecord, ref: str, internal_topic: str
) -> bytes | None:
    """Return the record's key if its home is this partition; otherwise re-key it, unjudged, and return None.

    `ref` is the channel's ref or the request's id; `internal_topic` is the stage's. Raises NotAtHome for a
    record that another owner re-keyed to this partition, Rejected for one that is too large to write again.
    """
    state = batch.state
    key, home = state.homes.of(ref)
    if home == state.partition:
        return key
    if is_internal(record):
        require_home(state, record, home)
    pass_on(batch, record, internal_topic, key, home)
    batch.counters.rekeyed += 1
    return None


def require_home(state: PartitionState, record: SourceRecord, home: int) -> None:
    """Raise NotAtHome if the partition is not the `home` of a record that Tocsin wrote to it."""
    if home != state.partition:
        raise NotAtHome(
            f"{record.topic} partition {record.partition} offset {record.offset}: the home of this record is "
            f"partition {home} of {state.partitions}. The number of partitions was changed: see "
            "docs/operations-state.md, 'Changing the number of partitions'."
        )


def pass_on(
    batch: Batch[State, Rules, Counters],
    record: SourceRecord,
    topic: str,
    key: bytes | None,
    partition: int,
    more: Headers = (),
) -> None:
    """Write a record to another topic, with its origin and `more` headers of Tocsin after it.

    Raises Rejected if the record is too large or has too many headers.
    """
    headers = [*with_origin(record), *more]
    if bytes_on_the_wire(key, record.value, headers) > MAX_PASSED_ON_BYTES:
        limit = f"Must be at most {MAX_PASSED_ON_BYTES} bytes, uncompressed, with key and value."
        raise Rejected("oversized", "headers", limit)
    if len(headers) > MAX_HEADERS:
        raise Rejected("oversized", "headers", f"Must be at most {MAX_HEADERS - 1} headers.")
    batch.passed_on.record(OutputRecord(topic, partition, key, record.value, headers))
