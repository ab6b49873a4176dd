"""Waits until the worker has applied everything that the demo published."""

import asyncio
import time
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streams.contract.wire.topics import (
    AUTHORITY_REQUESTS,
    CLOCK_OUTCOMES,
    MODERATION_OUTCOMES,
    REPORT_SOURCES,
)
from streams.running.clients.kafka_reading import committed_reader
from streams.running.identity import consumer_group
from streams.running.topics.topic_admin import admin_client
from streams.running.worker.settings import Settings
from tocsin_demo.demo.surroundings import Program

PUBLISHED_TO = (*REPORT_SOURCES, AUTHORITY_REQUESTS, CLOCK_OUTCOMES, MODERATION_OUTCOMES)

# If nothing arrives for this long although records are outstanding, the run has failed: a transaction lasts
# at most 20 s.
STALLED_SECONDS = 30.0
POLL_SECONDS = 0.1


async def until_applied(settings: Settings, worker: Program, check: Callable[[], None]) -> None:
    """Wait until the worker has committed the last record, so that no result can follow.

    Calls `check` from time to time. Raises ClickException if it takes more than 30 s.
    """
    topics = [settings.topic_prefix + topic for topic in PUBLISHED_TO]
    group = consumer_group(settings.topic_prefix)
    deadline = time.monotonic() + STALLED_SECONDS
    async with (
        admin_client(settings.connection()) as admin,
        committed_reader(settings.connection(), topics, from_beginning=False) as source,
    ):
        ends = await source.end_offsets(list(source.assignment()))
        while True:
            committed = await admin.list_consumer_group_offsets(group)
            behind = {p: end for p, end in ends.items() if end and _offset(committed, p) < end}
            if not behind:
                return
            check()
            if time.monotonic() > deadline:
                remaining = ", ".join(
                    f"{p.topic}/{p.partition} up to offset {end}" for p, end in behind.items()
                )
                raise worker.failure(f"the worker has not processed {remaining}")
            await asyncio.sleep(POLL_SECONDS)


def _offset(committed: Mapping[TopicPartition, OffsetAndMetadata], partition: TopicPartition) -> int:
    return committed[partition].offset if partition in committed else 0
