"""Runs the intake, or what asks for reports, until a signal."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final

import structlog
from aiohttp import web

from streams.contract.wire.forms.report_decoding import FORM
from streams.contract.wire.reading import event_reader
from streams.contract.wire.topics import INTAKE_POSITIONS
from streams.intake.metrics import Asked, IntakeMetrics, serve_metrics
from streams.intake.polling.follow import Following
from streams.intake.polling.positions import kept_positions
from streams.intake.polling.readers import reader_of
from streams.intake.reports import ReportReader
from streams.intake.server import MOST_BODY_BYTES, IntakeServer
from streams.intake.settings import IntakeSettings
from streams.intake.sources import IntakeSource
from streams.registry.categories import load_categories
from streams.registry.sources import load_sources
from streams.running.clients.kafka_writing import producer_for
from streams.running.clients.pseudonym import LEAST_CHARACTERS
from streams.running.clients.until_signal import until_signal
from streams.running.operations.address_refused import refusal_explained
from streams.running.operations.http_address import http_address
from streams.running.operations.http_server import BoundedServer, request_logger
from streams.running.worker.environment import INTAKE_PREFIX, needed_secret
from streams.running.worker.settings import Settings

logger = structlog.get_logger(__name__)

# A proxy keeps some hundred connections; what is open beyond that is somebody who opens and does not send.
_MOST_CONNECTIONS: Final = 1_000

# As long as an answer may wait for Kafka, and a body to arrive.
_END_SECONDS: Final = 15.0


async def run_intake(
    settings: Settings,
    own: IntakeSettings,
    sources: Mapping[str, IntakeSource],
    ready: Callable[[str], None],
) -> None:
    """Take reports until SIGTERM or SIGINT; `ready` is called with the address once they can be sent.

    Raises SettingsError or RegistryError for what is wrong in settings and files, AddressRefused if a port is
    taken, a KafkaError if brokers cannot be reached or topics are missing.
    """
    reader = _report_reader(settings, own)
    metrics = IntakeMetrics(sources)
    topics = {settings.topic_prefix + source.topic for source in sources.values()}
    async with (
        serve_metrics(own, metrics) as address,
        # The intake itself waits for more.
        producer_for(settings, *topics, linger_ms=0) as producer,
    ):
        logger.info("serving /metrics, /livez, /readyz and /status", address=address)
        intake = IntakeServer(sources, reader, producer, settings.topic_prefix, metrics)
        server = BoundedServer(
            intake.answer,
            most_connections=_MOST_CONNECTIONS,
            access_log=None,
            logger=request_logger(),
            auto_decompress=False,
            client_max_size=MOST_BODY_BYTES,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_END_SECONDS)
        await runner.setup()
        try:
            with refusal_explained(INTAKE_PREFIX, own.host, own.port):
                await web.TCPSite(runner, own.host, own.port).start()
            ready(http_address(own.host, runner.addresses[0][1]))
            await until_signal()
        finally:
            # Takes no more requests, and answers those that it has.
            await runner.cleanup()


async def run_polls(
    settings: Settings, own: IntakeSettings, sources: Mapping[str, IntakeSource], ready: Callable[[], None]
) -> None:
    """Ask the sources that have a `poll` for reports until SIGTERM or SIGINT; `ready` is called before.

    Raises as `run_intake` does.
    """
    reports = _report_reader(settings, own)
    asked = [(source, poll) for source in sources.values() for poll in source.polls]
    metrics = IntakeMetrics(
        {source.name for source, _ in asked}, [Asked(source.name, poll.address) for source, poll in asked]
    )
    topics = {INTAKE_POSITIONS, *(source.topic for source, _ in asked)}
    async with (
        serve_metrics(own, metrics) as address,
        producer_for(settings, *(settings.topic_prefix + topic for topic in topics)) as producer,
        AsyncExitStack() as readers,
    ):
        logger.info("serving /metrics, /livez, /readyz and /status", address=address)
        positions = await kept_positions(settings)
        work = []
        for source, poll in asked:
            reader = await readers.enter_async_context(reader_of(poll))
            following = Following(source, poll, reader, reports, producer, settings.topic_prefix, metrics)
            work.append(following.run(positions))
        ready()
        await until_signal(work)


def _report_reader(settings: Settings, own: IntakeSettings) -> ReportReader:
    return ReportReader(
        needed_secret(own, "pseudonym_key", LEAST_CHARACTERS).encode(),
        load_sources(settings.sources_file),
        event_reader(FORM, load_categories(settings.categories_file)),
    )
