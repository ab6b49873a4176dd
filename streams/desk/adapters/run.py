"""Runs the sending part of an adapter: reader, deliveries, metrics."""

from collections.abc import Callable, Coroutine, Sequence
from typing import get_args

import structlog
from aiokafka import AIOKafkaProducer

from streams.contract.wire.records import SourceRecord
from streams.contract.wire.topics import DELIVERIES_SET_ASIDE, MODERATION_OUTCOMES
from streams.desk.adapters.deliveries import Send
from streams.desk.adapters.intake import Intake
from streams.desk.adapters.metrics import AdapterMetrics, serve_metrics
from streams.desk.adapters.set_aside import SetAsideLog, is_set_aside_by
from streams.desk.adapters.settings import AdapterSettings
from streams.running.clients.https.answer import Failure
from streams.running.clients.kafka_writing import producer_for
from streams.running.clients.rules_in_force import RulesInForce
from streams.running.clients.until_signal import until_signal
from streams.running.worker.settings import Settings

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
    receive: Callable[[AIOKafkaProducer, AdapterMetrics], Coroutine[None, None, None]] | None = None,
    rules: RulesInForce | None = None,
) -> None:
    """Send the wanted records of these topics (without prefix) until a signal; meanwhile `receive` decisions.

    `rules` are followed meanwhile; the caller has caught up with them.

    The signals are SIGTERM and SIGINT.

    Raises a KafkaError if brokers cannot be reached or topics are missing, AddressRefused if a port is taken.
    """
    intake = Intake(
        settings.connection(),
        adapter_group(settings.topic_prefix, own.name),
        [settings.topic_prefix + topic for topic in topics],
        wanted,
        from_beginning=own.start == "beginning",
    )
    metrics = AdapterMetrics(topics, None if rules is None else rules.standing)
    written = [DELIVERIES_SET_ASIDE, *([MODERATION_OUTCOMES] if receive else [])]
    async with (
        producer_for(settings, *(settings.topic_prefix + name for name in written)) as producer,
        serve_metrics(own, metrics, intake) as address,
    ):
        logger.info("serving /metrics, /livez, /readyz and /status", address=address)
        log = SetAsideLog(producer, settings.topic_prefix, own.name)
        work = [intake.run(send, log, metrics, own.set_aside_seconds)]
        if receive is not None:
            work.append(receive(producer, metrics))
        if rules is not None:
            work.append(rules.follow())
        await until_signal(work)


async def deliver_set_aside(settings: Settings, own: AdapterSettings, send: Send) -> tuple[int, int]:
    """Send again what this adapter has set aside; return how many were taken, and how many not."""
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
        await until_signal([intake.run(send, log, metrics, None)])
    taken = metrics.delivered.of(DELIVERIES_SET_ASIDE)
    return int(taken), int(sum(metrics.set_aside.of(failure) for failure in get_args(Failure)))
