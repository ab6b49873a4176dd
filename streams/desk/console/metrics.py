"""What a console counts about itself, and its pages for Prometheus and probes."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams import __version__
from streams.desk.console.follower import Progress
from streams.desk.console.live_feed import LiveFeed
from streams.desk.console.settings import ConsoleSettings
from streams.registry.changes.history import short
from streams.running.operations import console_metric_catalogue as catalogue
from streams.running.operations.http_server import serve
from streams.running.operations.metrics import Exposition
from streams.running.operations.process_metric_catalogue import BUILD_INFO
from streams.running.operations.rules_standing import RulesStanding
from streams.running.operations.values import Histogram, Numbers, Values, gauge
from streams.running.worker.environment import CONSOLE_PREFIX

_EFFECTS = ("counted", "refused", "not_confirmed")


class ConsoleMetrics:
    """The counters of a console. `decisions_without_outcome` is set by the search for them."""

    def __init__(
        self, progress: Progress, feed: LiveFeed, rules: Callable[[], RulesStanding] = RulesStanding
    ) -> None:
        self.acts = Numbers(catalogue.CONSOLE_ACTS, zip(_EFFECTS))
        self.answer = Histogram(catalogue.CONSOLE_ANSWER)
        self.build = gauge(BUILD_INFO, [((__version__,), 1)])
        self.decisions_without_outcome = 0
        self._progress = progress
        self._feed = feed
        self._rules = rules

    def live(self) -> Iterable[Values]:
        """The values that are read at each scrape."""
        progress = self._progress
        for metric, value in (
            (catalogue.CONSOLE_READY, int(progress.caught_up)),
            (catalogue.CONSOLE_BEHIND, progress.left),
            (catalogue.CONSOLE_RECORDS, progress.applied),
            (catalogue.CONSOLE_UNREADABLE, progress.unreadable),
            (catalogue.CONSOLE_MISSING_OUTCOMES, self.decisions_without_outcome),
            (catalogue.CONSOLE_OPEN_PAGES, self._feed.readers),
        ):
            yield gauge(metric, [((), value)])
        standing = self._rules()
        yield gauge(catalogue.CONSOLE_RULES_DIFFER, [((), float(standing.differs))])
        yield gauge(
            catalogue.CONSOLE_RULES_NOT_READY, (((short(each),), 1) for each, _ in standing.not_ready)
        )


@asynccontextmanager
async def serve_metrics(
    own: ConsoleSettings, metrics: ConsoleMetrics, progress: Progress
) -> AsyncIterator[str]:
    """Serve /metrics, /livez, /readyz and /status, apart from the pages: a scrape signs in nowhere.

    Yields the address.
    Raises AddressRefused if the port is taken.
    """
    exposition = Exposition((metrics.acts, metrics.answer, metrics.build), metrics.live)
    async with serve(
        own.metrics_host,
        own.metrics_port,
        prefix=f"{CONSOLE_PREFIX}METRICS_",
        metrics=exposition.text,
        liveness=lambda: "console",
        reason_not_ready=lambda: None if progress.caught_up else "reading what was there at the start",
        status=lambda: {
            "ready": progress.caught_up,
            "records_read": progress.applied,
            "records_behind": progress.left,
            "records_unreadable": progress.unreadable,
        },
    ) as address:
        yield address


class Timed:
    """Measures how long answers take."""

    def __init__(self, app: ASGIApp, metrics: ConsoleMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note when its answer ended."""
        # A stream to an open page ends when the page is closed, and says nothing about the console.
        if scope["type"] != "http" or scope["path"] == "/live":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def send_timed(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._metrics.answer.observe(time.monotonic() - began)

        await self._app(scope, receive, send_timed)
