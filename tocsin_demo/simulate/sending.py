"""Sends made-up records to Kafka or to a file, at a rate."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from streams.commands.shared.progress import Progress
from streams.running.clients.kafka_writing import Pace, producer_for
from streams.running.worker.settings import Settings
from tocsin_demo.scenario import ScenarioRecord


async def write_lines(out: BinaryIO, records: Iterator[ScenarioRecord], rate: float | None) -> Progress:
    """Write the payloads as JSON lines, at a rate per second (None: at once), without invalid JSON."""
    progress, pace = Progress("written"), Pace(rate)
    for record in records:
        if record.fate != "garbage":
            await pace.turn(1)
            out.write(record.value + b"\n")
            if rate is not None:
                # With a rate, a reader follows the output as it is written.
                out.flush()
            progress.add(1)
    progress.clear()
    return progress


async def publish(
    settings: Settings, topics: Iterable[str], records: Iterator[ScenarioRecord], rate: float | None
) -> Progress:
    """Publish the records to their topics, so many a second (None: at once).

    `topics` are all of them, without prefix.
    """
    progress, pace = Progress("published"), Pace(rate)
    prefix = settings.topic_prefix
    async with producer_for(settings, *(prefix + topic for topic in topics)) as producer:
        while batch := list(islice(records, pace.batch)):
            await pace.turn(len(batch))
            written = [
                await producer.send(prefix + record.topic, record.value, record.key, headers=record.headers)
                for record in batch
            ]
            await asyncio.gather(*written)
            progress.add(len(batch))
    progress.clear()
    return progress
