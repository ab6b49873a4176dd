"""Reads reports in the order of their arrival, from a topic or from a file."""

import heapq
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from streams.contract.wire.records import DetachedRecord, SourceRecord
from streams.contract.wire.topics import MESSAGE_REPORTS
from streams.running.clients.kafka_reading import committed_records, partition_count
from streams.running.log.connection import Connection

# Large enough that the cost per batch does not matter, small enough that the progress line moves.
BATCH_SIZE = 1_000


async def from_topics(connection: Connection, topics: Sequence[str]) -> AsyncIterator[list[SourceRecord]]:
    """Yield batches of the topics' committed records up to now, all partitions merged by broker timestamp.

    A channel whose reports arrived at several partitions is thus evaluated as it was in its home partition.
    Raises UnknownTopicOrPartitionError when a topic is missing, KafkaConnectionError when no broker
    answers.
    """
    logs = [
        committed_records(connection, topic, partition=number)
        for topic in topics
        for number in range(await partition_count(connection, topic))
    ]
    heads: list[tuple[int, int, SourceRecord]] = []

    async def push_next(number: int) -> None:
        record = await anext(logs[number], None)
        if record is not None:
            heapq.heappush(heads, (record.timestamp, number, record))

    batch = []
    for number in range(len(logs)):
        await push_next(number)
    while heads:
        _, number, record = heapq.heappop(heads)
        batch.append(record)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
        await push_next(number)
    yield batch


def from_file(file: BinaryIO, now_ms: int) -> Iterator[list[DetachedRecord]]:
    """Yield batches of the non-empty lines of a file of reports, as if all had been published at `now_ms`.

    The offset of each is its line number, counted from 0.
    """
    lines = enumerate(file)
    while batch := list(islice(lines, BATCH_SIZE)):
        yield [
            DetachedRecord(MESSAGE_REPORTS, 0, number, now_ms, None, line.strip(), ())
            for number, line in batch
            if line.strip()
        ]
