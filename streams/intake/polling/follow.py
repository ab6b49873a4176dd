"""Follows one system: asks for reports, publishes them, and keeps how far it was read."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.intake.metrics import Asked, IntakeMetrics
from streams.intake.polling.pages import NoAnswer, Page, Reader
from streams.intake.polling.poll import Poll
from streams.intake.polling.positions import keep_position, place_of
from streams.intake.publishing import publish
from streams.intake.quota import Quota
from streams.intake.reports import ReportReader
from streams.intake.sources import IntakeSource
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# How long a system that did not answer is left alone at most, unless it asks for more. One that is asked once
# an hour would otherwise be taken for silent after a single failure.
_LONGEST_SECONDS: Final = 60.0

# As an intake that takes requests asks its senders to wait when Kafka has not confirmed.
_AGAIN_SECONDS: Final = 5.0


class Following:
    """Reads a source into Kafka, page after page.

    A position is written once Kafka has confirmed the reports before it. So whatever ends the process,
    reports come again rather than not at all, under the same ids.
    """

    def __init__(
        self,
        source: IntakeSource,
        poll: Poll,
        reader: Reader,
        reports: ReportReader,
        producer: AIOKafkaProducer,
        topic_prefix: str,
        metrics: IntakeMetrics,
    ) -> None:
        self._source = source
        self._system = Asked(source.name, poll.address)
        self._every_seconds = poll.row.every_seconds
        self._place = place_of(source.ce_source, poll)
        self._reader = reader
        self._reports = reports
        self._producer = producer
        self._prefix = topic_prefix
        self._metrics = metrics
        self._quota = Quota.full(source.reports_per_minute, time.monotonic())

    async def run(self, positions: Mapping[str, bytes]) -> None:
        """Follow from the kept position until cancelled."""
        position = positions.get(self._place)
        while True:
            wait = self._every_seconds
            try:
                async for page in self._reader.pages(position, clock_ms()):
                    self._metrics.heard(self._system)
                    await self._take(page)
                    position = page.position
                self._metrics.asked(self._system, "answered")
            except NoAnswer as error:
                wait = max(min(wait, _LONGEST_SECONDS), error.wait_seconds)
                self._metrics.asked(self._system, "refused" if error.refused else "unavailable")
                logger.warning(
                    "a system was asked in vain",
                    source=self._source.name,
                    system=self._system.address,
                    why=str(error),
                )
            await asyncio.sleep(wait)

    async def _take(self, page: Page) -> None:
        reading = self._reports.of_documents(self._source, page.documents, clock_ms())
        name, number = self._source.name, len(reading.accepted)
        wait = self._quota.wait_for(number + len(reading.refused), time.monotonic())
        if wait > 0:
            await asyncio.sleep(wait)
            # Now there is room, as nobody else takes of it.
            self._quota.wait_for(number + len(reading.refused), time.monotonic())
        if page.refused:
            logger.warning("a system gave what is no report", source=name, number=page.refused)
        for refused in reading.refused:
            logger.warning(
                "refused a report", source=name, field=refused.field, path=refused.path, reason=refused.reason
            )
        while reading.accepted and not await publish(
            self._producer, self._prefix, reading.accepted, self._metrics
        ):
            self._metrics.reports.add((name, "not_confirmed"), number)
            await asyncio.sleep(_AGAIN_SECONDS)
        self._metrics.reports.add((name, "published"), number)
        self._metrics.reports.add((name, "refused"), len(reading.refused) + page.refused)
        await self._keep(page.position)

    async def _keep(self, position: bytes) -> None:
        while True:
            try:
                await keep_position(self._producer, self._prefix, self._place, position)
            except KafkaError as error:
                logger.warning("Kafka did not confirm a position", error=type(error).__name__)
                self._metrics.confirmed = False
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return
