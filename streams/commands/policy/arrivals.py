"""Reports in the order in which they arrived, from their topic or from a file."""

import heapq
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from streams.commands.shared.reading import committed_records, partition_count
from streams.runtime.connection import Connection
from streams.wire.records import Headers, SourceRecord
from streams.wire.topics import MESSAGE_REPORTS

# Enough at once that what is done for each piece costs nothing, few enough that a person sees it getting on.
PIECE = 1_000


@dataclass(slots=True)
class Line:
    """A line of a file in the form of a record; `offset` is its number, from 0."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


async def from_topic(connection: Connection, topic: str) -> AsyncIterator[list[SourceRecord]]:
    """The records of all partitions of a topic up to now, by the time at which the broker wrote them, in pieces.

    So a channel whose reports came to several partitions is judged as it was in its home partition. Raises
    UnknownTopicOrPartitionError when the topic is missing, KafkaConnectionError when no broker answers.
    """
    logs = [
        committed_records(connection, topic, partition=number)
        for number in range(await partition_count(connection, topic))
    ]
    heads: list[tuple[int, int, SourceRecord]] = []

    async def go_on(number: int) -> None:
        record = await anext(logs[number], None)
        if record is not None:
            heapq.heappush(heads, (record.timestamp, number, record))

    piece = []
    for number in range(len(logs)):
        await go_on(number)
    while heads:
        _, number, record = heapq.heappop(heads)
        piece.append(record)
        if len(piece) == PIECE:
            yield piece
            piece = []
        await go_on(number)
    yield piece


def from_file(file: BinaryIO, now_ms: int) -> Iterator[list[Line]]:
    """The lines of a file of reports in pieces, as if all had been published at `now_ms`."""
    lines = enumerate(file)
    while piece := list(islice(lines, PIECE)):
        yield [
            Line(MESSAGE_REPORTS, 0, number, now_ms, None, line.strip(), ())
            for number, line in piece
            if line.strip()
        ]
