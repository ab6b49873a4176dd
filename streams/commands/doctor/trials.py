"""What only a trial proves: makes a topic for it, tries one thing after the other, and deletes it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.commands.doctor import probe_topic
from streams.commands.doctor.append_time import prove_append_time
from streams.commands.doctor.asking import CHECK_SECONDS, Say, asked, say_all
from streams.commands.doctor.broker_settings import DELETION, TRANSACTIONS
from streams.commands.doctor.finding import Finding
from streams.commands.doctor.record_size import prove_record_size
from streams.commands.doctor.transactions import prove_transactions
from streams.running.clients.kafka_writing import started_producer
from streams.running.errors import RefusedToStart
from streams.running.log.transaction import STOPPING_SECONDS
from streams.running.patches.metadata import topics_known_to
from streams.running.topics.topic_catalogue import Catalogue, Topic
from streams.running.worker.settings import Settings


@asynccontextmanager
async def probing(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    catalogue: Catalogue,
    brokers: int,
    say: Say,
    *,
    deletes: bool,
) -> AsyncIterator[Topic | None]:
    """A topic for trials, deleted at the end; None, with a finding, if there can be none."""
    there = await asked("former probes", admin.list_topics(), say)
    if former := probe_topic.left_behind(settings.topic_prefix, there or ()):
        say(former)
    topic = probe_topic.probe(probe_topic.new_name(), brokers, catalogue)
    if not deletes:
        say(
            _no_probe(
                f"{DELETION} is false on a broker, so a topic would be left behind",
                f"Set {DELETION}=true on the brokers.",
            )
        )
        yield None
        return
    created = False
    try:
        created = await _created(admin, settings, topic, brokers, say)
        yield topic if created else None
    finally:
        # Also when it was interrupted: what was asked for may be there all the same.
        name = settings.topic_prefix + topic.name
        if created or name in (await asked("probe topic", admin.list_topics(), say) or ()):
            say(await probe_topic.delete(admin, name))


async def _created(
    admin: AIOKafkaAdminClient, settings: Settings, topic: Topic, brokers: int, say: Say
) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await probe_topic.create(admin, settings, topic, brokers)
    except (RefusedToStart, KafkaError, TimeoutError) as refused:
        say(_no_probe(str(refused) or repr(refused), "Then run this command again."))
        return False
    return True


def _no_probe(why: str, remedy: str) -> Finding:
    return Finding(
        "probe topic",
        "not tried",
        f"fencing, read_committed, append time, clocks and the largest record are unproved: {why}",
        remedy,
    )


async def try_in(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    topic: Topic,
    brokers: Sequence[int],
    say: Say,
    clock: Callable[[], int],
) -> None:
    """Try in a topic of this command's own what only a trial proves."""
    name = settings.topic_prefix + topic.name
    connection = settings.connection()
    say_all(
        await asked(
            "fencing",
            prove_transactions(connection, settings.topic_prefix, name),
            say,
            f"Is a broker down that has a part of {TRANSACTIONS}, or are there fewer brokers than "
            "transaction.state.log.replication.factor and transaction.state.log.min.isr ask for?",
        ),
        say,
    )
    rows = await asked("append time", topics_known_to(admin, None), say)
    producer = await asked("append time", started_producer(settings, name), say)
    if rows is None or producer is None:
        return
    try:
        trial = prove_append_time(connection, producer, name, _leaders(rows, name), brokers, clock)
        say_all(await asked("append time", trial, say), say)
        size = prove_record_size(connection, producer, name, topic.max_message_bytes)
        say_all(await asked("largest record", size, say), say)
    finally:
        # It waits for what it has not sent.
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_SECONDS):
                await producer.stop()


def _leaders(rows: Sequence[Mapping[str, Any]], topic: str) -> dict[int, int]:
    return {
        part["partition"]: part["leader"]
        for row in rows
        if row["topic"] == topic
        for part in row["partitions"]
        if part["leader"] >= 0
    }
