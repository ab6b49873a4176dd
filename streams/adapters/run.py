"""Runs the sending part of an adapter: reader, deliveries, metrics."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import get_args

import structlog

from streams.adapters.answer import Failure
from streams.adapters.deliveries import Send
from streams.adapters.intake import Intake
from streams.adapters.metrics import AdapterMetrics, serve_metrics
from streams.adapters.set_aside import SetAsideLog, is_set_aside_by
from streams.adapters.settings import AdapterSettings
from streams.clients.kafka_writing import producer_for
from streams.wire.records import SourceRecord
from streams.wire.topics import DELIVERIES_SET_ASIDE
from streams.worker.settings import Settings

logger = structlog.get_logger(__name__)


def adapter_group(prefix: str, name: str) -> str:
    """The consumer group of an adapter."""
    return f"{prefix}tocsin-adapter-{name}"


async def deliver(
    settings: Settings,
    own: AdapterSettings,
    topics: Sequence[str],
    wanted: Callable[[SourceRecord], bool],
    send: Send,
) -> None:
    """Send the wanted records of these topics (without prefix) until SIGTERM or SIGINT.

    Raises a KafkaError if brokers cannot be reached or topics are missing, OSError if the port is taken.
    """
    intake = Intake(
        settings.connection(),
        adapter_group(settings.topic_prefix, own.name),
        [settings.topic_prefix + topic for topic in topics],
        wanted,
        from_beginning=own.start == "beginning",
    )
    metrics = AdapterMetrics(topics)
    async with (
        producer_for(settings, settings.topic_prefix + DELIVERIES_SET_ASIDE) as producer,
        serve_metrics(own, metrics, intake) as address,
    ):
        logger.info("serving /metrics, /livez, /readyz and /status", address=address)
        log = SetAsideLog(producer, settings.topic_prefix, own.name)
        await until_signal(intake.run(send, log, metrics, own.set_aside_seconds))


async def deliver_set_aside(settings: Settings, own: AdapterSettings, send: Send) -> tuple[int, int]:
    """Send once more what this adapter has set aside up to now; return how many were taken, and how many not."""
    intake = Intake(
        settings.connection(),
        adapter_group(settings.topic_prefix, own.name) + "-set-aside",
        [settings.topic_prefix + DELIVERIES_SET_ASIDE],
        lambda record: is_set_aside_by(own.name, record.headers),
        from_beginning=True,
    )
    metrics = AdapterMetrics([DELIVERIES_SET_ASIDE])
    async with producer_for(settings, settings.topic_prefix + DELIVERIES_SET_ASIDE) as producer:
        log = SetAsideLog(producer, settings.topic_prefix, own.name)
        await until_signal(intake.run(send, log, metrics, None))
    taken = metrics.delivered.of(DELIVERIES_SET_ASIDE)
    return int(taken), int(sum(metrics.set_aside.of(failure) for failure in get_args(Failure)))


async def until_signal(work: Coroutine[None, None, None]) -> None:
    """Run until it ends, or SIGTERM or SIGINT cancels it."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
