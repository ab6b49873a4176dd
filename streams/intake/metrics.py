"""What the intake counts about itself, and its pages for Prometheus and probes."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import product
from time import monotonic
from typing import Final, Literal, get_args

from streams import __version__
from streams.intake.settings import IntakeSettings
from streams.running.operations import intake_metric_catalogue as catalogue
from streams.running.operations.http_server import serve
from streams.running.operations.metrics import Exposition
from streams.running.operations.process_metric_catalogue import BUILD_INFO
from streams.running.operations.values import Histogram, Numbers, Values, gauge
from streams.running.worker.environment import INTAKE_PREFIX

# `not_confirmed`: Kafka did not answer in time, so the sender was asked to send it again.
Fate = Literal["published", "refused", "over_quota", "not_confirmed"]

STATUSES: Final = (202, 400, 401, 404, 405, 408, 413, 415, 422, 429, 503)
"""Of answers."""


class IntakeMetrics:
    """The counters of the intake; series with known labels start at 0."""

    def __init__(self, sources: Iterable[str], asked: Iterable[str] = ()) -> None:
        self.reports = Numbers(catalogue.INTAKE_REPORTS, product(sources, get_args(Fate)))
        self.requests = Numbers(catalogue.INTAKE_REQUESTS, ((str(status),) for status in STATUSES))
        self.answer = Histogram(catalogue.INTAKE_ANSWER)
        self.answered_at = dict.fromkeys(asked, monotonic())
        """When each of the systems that are asked last answered with its reports (seconds, monotonic)."""
        self.confirmed = True
        """Whether Kafka confirmed what was published last."""

    def live(self) -> Iterable[Values]:
        """The values that are read at each scrape."""
        yield gauge(catalogue.INTAKE_READY, [((), int(self.confirmed))])
        now = monotonic()
        silent = [((name,), now - answered) for name, answered in self.answered_at.items()]
        yield gauge(catalogue.INTAKE_UNANSWERED, silent)
        yield gauge(BUILD_INFO, [((__version__,), 1)])


@asynccontextmanager
async def serve_metrics(own: IntakeSettings, metrics: IntakeMetrics) -> AsyncIterator[str]:
    """Serve /metrics, /livez, /readyz and /status, apart from the address that takes reports.

    Yields the address. Raises AddressRefused if the port is taken.
    """
    exposition = Exposition((metrics.reports, metrics.requests, metrics.answer), metrics.live)
    async with serve(
        own.metrics_host,
        own.metrics_port,
        prefix=f"{INTAKE_PREFIX}METRICS_",
        metrics=exposition.text,
        liveness=lambda: "intake",
        reason_not_ready=lambda: None if metrics.confirmed else "Kafka did not confirm the last reports",
        status=lambda: {"ready": metrics.confirmed},
    ) as address:
        yield address
