"""Append times that cannot be right: a clock is wrong, or a publisher chose them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import MAX_CLOCK_DIFFERENCE_MS
from streams.running.errors import WrongAppendTime

# Kafka's number for an append time, which the broker sets: it overwrites what a producer sends.
APPEND_TIME = 1

_IN_THE_LOG = (
    "Records that are in the log already keep their times: pass over them with `tocsin source skip`, which "
    "writes them to dead-letters, and publish them again with `tocsin dead-letters redrive`."
)


class StampedRecord(SourceRecord, Protocol):
    """A consumed record; `timestamp_type` is 0 if the publisher chose its timestamp, 1 if the broker did."""

    timestamp_type: int


def check_append_times(records: Sequence[StampedRecord], clock_ms: int) -> None:
    """Raise WrongAppendTime if a record has no append time, or one after this machine's clock `clock_ms`.

    A worker whose clock is behind sees all records as from the future, too; another worker may own the
    partition then. Costs some 50 ns per record.
    """
    latest = clock_ms + MAX_CLOCK_DIFFERENCE_MS
    for record in records:
        if record.timestamp > latest or record.timestamp_type != APPEND_TIME:
            raise WrongAppendTime(_reason(record, clock_ms))


def clock_difference(appended_ms: int, sent_ms: int, answered_ms: int) -> int:
    """By how many ms a broker's clock is certainly ahead of this machine's; negative if it is behind.

    The broker appended a record at `appended_ms`, and it was sent and answered at these times of this
    machine. 0 if the append time lies between them.
    """
    return max(appended_ms - answered_ms, 0) + min(appended_ms - sent_ms, 0)


def _reason(record: StampedRecord, clock_ms: int) -> str:
    where = f"{record.topic} partition {record.partition} offset {record.offset}"
    if record.timestamp_type != APPEND_TIME:
        return (
            f"{where}: the publisher chose the time of this record, not the broker. Nothing of this batch "
            "was applied. Set message.timestamp.type of the topic: kafka-configs.sh --alter --entity-type "
            f"topics --entity-name {record.topic} --add-config message.timestamp.type=LogAppendTime. "
            f"{_IN_THE_LOG}"
        )
    ahead = timedelta(seconds=(record.timestamp - clock_ms) // 1000)
    return (
        f"{where}: the broker appended this record at {rfc3339(record.timestamp)}, but this machine's clock "
        f"shows {rfc3339(clock_ms)}: the broker's clock is ahead by {ahead}, or this machine's is behind. "
        "Nothing of this batch was applied. Correct the clock that is wrong (both should be set by NTP), "
        f"then start the worker again. {_IN_THE_LOG}"
    )
