"""Reads the logs of a partition side by side, each as far as it goes when reading begins."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.commands.backtest.order import Logs
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import ENRICHED_REPORTS, MESSAGE_REPORTS_INTERNAL, REPORT_SOURCES
from streams.deciding.reports.decisions_read import DECISION_TOPICS
from streams.running.clients.kafka_reading import partition_reader
from streams.running.log.connection import Connection

TOPICS: Final = (
    ENRICHED_REPORTS,
    MESSAGE_REPORTS_INTERNAL,
    *REPORT_SOURCES,
    *DECISION_TOPICS,
)
"""What is read: what a worker reads of a partition, and the order in which it applied that."""

# A fetch waits for so long if its log has nothing yet.
_WAIT_MS: Final = 200


@contextmanager
def partition_logs(
    runner: asyncio.Runner, connection: Connection, prefix: str, partition: int
) -> Iterator[Logs]:
    """Give the committed records of a partition, up to now; iterate over them inside of the context.

    Decisions are kept longer than reports: where enriched reports were deleted, those from before the first
    one that is kept are left out, since what they were about is gone. Raises KafkaConnectionError if no
    broker answers.
    """
    places = {topic: TopicPartition(prefix + topic, partition) for topic in TOPICS}
    opened = partition_reader(connection, list(places.values()))
    consumer = runner.run(opened.__aenter__())
    try:
        starts = runner.run(consumer.beginning_offsets(list(places.values())))
        ends = runner.run(consumer.end_offsets(list(places.values())))
        whole = starts[places[ENRICHED_REPORTS]] == 0
        for place in places.values():
            consumer.seek(place, starts[place])
        enriched = _records(runner, consumer, places[ENRICHED_REPORTS], ends)
        if not whole:
            first = next(enriched, None)
            if first is not None:
                decisions = [places[topic] for topic in DECISION_TOPICS]
                found = runner.run(consumer.offsets_for_times(dict.fromkeys(decisions, first.timestamp)))
                for place in decisions:
                    consumer.seek(place, ends[place] if found[place] is None else found[place].offset)
                enriched = _again(first, enriched)
        yield Logs(
            partition,
            enriched,
            _records(runner, consumer, places[MESSAGE_REPORTS_INTERNAL], ends),
            {
                places[topic].topic: _records(runner, consumer, places[topic], ends)
                for topic in REPORT_SOURCES
            },
            {
                name: _records(runner, consumer, places[topic], ends)
                for topic, name in DECISION_TOPICS.items()
            },
            whole,
        )
    finally:
        runner.run(opened.__aexit__(None, None, None))


def _again(first: SourceRecord, rest: Iterator[SourceRecord]) -> Iterator[SourceRecord]:
    yield first
    yield from rest


def _records(
    runner: asyncio.Runner,
    consumer: AIOKafkaConsumer,
    place: TopicPartition,
    ends: Mapping[TopicPartition, int],
) -> Iterator[SourceRecord]:
    end = ends[place]

    async def more() -> list[SourceRecord] | None:
        # Positions, not the last record's offset: a log may end in a marker of a transaction.
        if await consumer.position(place) >= end:
            return None
        found = await consumer.getmany(place, timeout_ms=_WAIT_MS)
        return [record for record in found.get(place, ()) if record.offset < end]

    while (records := runner.run(more())) is not None:
        yield from records
