"""Whole fetches as Faust events: one event holds all records of one partition that one fetch brought.

Faust spends some 46 microseconds on every event before an agent sees it; with a fetch as the event that price is paid
once per few thousand records.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import faust
from faust.types import TP

from streams.runtime.patches.fetched_range import FetchedRange

# Bytes that may wait for the agent: 40,000 reports of 400 bytes. Twice what a cycle takes keeps the agent busy while
# the next fetch is on its way. Bytes, because 40,000 of the largest records that the topic takes would be 40 GB.
MAX_QUEUED_BYTES = 40_000_000

# What a record costs beyond its value: the Python objects of record, key, value, headers and of what comes of it.
RECORD_OVERHEAD_BYTES = 600


class RecordBatch:
    """A range of records with the attributes of the last one, so that Faust takes it for a record."""

    __slots__ = (
        "checksum", "headers", "key", "offset", "partition", "serialized_key_size", "serialized_value_size",
        "timestamp", "timestamp_type", "topic", "value",
    )  # fmt: skip

    def __init__(self, records: FetchedRange) -> None:
        # Faust wants more of a record than a stage does.
        last: Any = records[-1]
        self.topic: str = last.topic
        self.partition: int = last.partition
        self.offset: int = last.offset
        self.timestamp: int = last.timestamp
        self.timestamp_type: int = last.timestamp_type
        self.headers = ()
        self.key = None
        self.value = records
        self.checksum = None
        self.serialized_key_size = 0
        # Faust carries it along with the message: what this batch takes of memory.
        self.serialized_value_size = sum(
            [len(record.value or b"") for record in records], RECORD_OVERHEAD_BYTES * len(records)
        )


class BatchScheduler:
    """Faust's setting `ConsumerScheduler`: hands on each partition's fetch as one batch."""

    def iterate(self, records: Mapping[TP, FetchedRange]) -> Iterator[tuple[TP, RecordBatch]]:
        """One batch per partition that has records."""
        for tp, fetched in records.items():
            if fetched:
                yield tp, RecordBatch(fetched)


class PassThroughSchema(faust.Schema[Any, Any]):
    """Key and value reach the agent as they were fetched."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002
        """The key, undecoded."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002
        """The records of the batch."""
        return message.value


class BatchTopic(faust.Topic):
    """A topic whose fetches wait while enough is queued.

    Faust's own back-pressure counts events, and here an event may be thousands of records; it also sleeps a whole
    second when every partition is full. The queue itself is counted, rather than a credit beside it: a rebalance
    empties the queue behind our back, and a credit would leak.
    """

    def _compile_decode(self) -> None:
        super()._compile_decode()
        decode: Callable[..., Awaitable[Any]] = self.decode
        self.room = asyncio.Event()

        async def decode_when_there_is_room(message: Any, *, propagate: bool = False) -> Any:
            while queued_bytes(self.queue) > MAX_QUEUED_BYTES:
                self.room.clear()
                await self.room.wait()
            return await decode(message, propagate=propagate)

        self.decode = decode_when_there_is_room  # type: ignore[method-assign]


def batch_bytes(event: Any) -> int:
    """Memory that a batch takes, about."""
    size: int = event.message.serialized_value_size
    return size


def queued_bytes(queue: asyncio.Queue[Any]) -> int:
    """Memory that the batches take that wait in an agent's queue."""
    waiting: Iterable[Any] = queue._queue  # type: ignore[attr-defined]  # noqa: SLF001
    return sum(batch_bytes(event) for event in waiting)
