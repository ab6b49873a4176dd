"""Sends spans to an OTLP receiver over HTTP, from its own thread; a failed receiver costs only spans."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from streams.running.operations.values import Numbers
from streams.running.worker.tracing.settings import TracingSettings

logger = structlog.get_logger(__name__)

# How long a worker that is stopping sends what still waits. Its partitions are given up by then.
ENDING_SECONDS: Final = 2.0

_LOOK_SECONDS: Final = 0.02


class CountedExporter(SpanExporter):
    """Counts in `spans` what `exporter` could send and what it could not.

    `taken` is the number of spans it was given.
    """

    def __init__(self, exporter: SpanExporter, spans: Numbers) -> None:
        self.taken = 0
        self._exporter = exporter
        self._spans = spans

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans. Takes as long as the exporter tries again."""
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            sent = result is SpanExportResult.SUCCESS
            self._spans.add(("sent" if sent else "not_sent",), len(spans))
        return result

    def shutdown(self) -> None:
        """Try no more."""
        self._exporter.shutdown()


class SpanQueue(BatchSpanProcessor):
    """Keeps spans until `exporter` takes them, and counts those that it has no room for in `spans`.

    The SDK's own queue drops the oldest and counts nothing that we could show.
    """

    def __init__(self, exporter: CountedExporter, settings: TracingSettings, spans: Numbers) -> None:
        super().__init__(
            exporter,
            settings.bsp_max_queue_size,
            settings.bsp_schedule_delay,
            settings.bsp_max_export_batch_size,
        )
        self._counted = exporter
        self._size = settings.bsp_max_queue_size
        self._spans = spans
        # Changed by the worker's thread alone, as `taken` is by the exporter's.
        self._given = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span that has ended, or drop it."""
        if self._given - self._counted.taken >= self._size:
            self._spans.add(("no_room",))
            return
        self._given += 1
        super().on_end(span)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send in the background; at the end take ENDING_SECONDS at most for what still waits."""
        try:
            yield
        finally:
            # A daemon, which does not keep the process from ending.
            ending = threading.Thread(target=self.shutdown, daemon=True)
            ending.start()
            until = time.monotonic() + ENDING_SECONDS
            while ending.is_alive() and time.monotonic() < until:  # noqa: ASYNC110 - a thread sets no event
                await asyncio.sleep(_LOOK_SECONDS)
            if ending.is_alive():
                logger.warning("the last spans were not sent: their receiver does not answer")
