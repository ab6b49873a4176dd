"""What the intake counts about itself, and its pages for Prometheus and probes."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import product
from time import monotonic
from typing import Final, Literal, NamedTuple, get_args

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

# `answered`: with new reports, or that there are none. `refused`: another secret, or no such question.
Answer = Literal["answered", "refused", "unavailable"]


class Asked(NamedTuple):
    """A system that is asked: the name of its source, and the address."""

    sender: str
    address: str


STATUSES: Final = (202, 400, 401, 404, 405, 408, 413, 415, 422, 429, 503)
"""Of answers."""


class IntakeMetrics:
    """The counters of the intake; series with known labels start at 0."""

    def __init__(self, sources: Iterable[str], asked: Iterable[Asked] = ()) -> None:
        self.reports = Numbers(catalogue.INTAKE_REPORTS, product(sources, get_args(Fate)))
        self.requests = Numbers(catalogue.INTAKE_REQUESTS, ((str(status),) for status in STATUSES))
        self.answer = Histogram(catalogue.INTAKE_ANSWER)
        asked = tuple(asked)
        self.times_asked = Numbers(
            catalogue.INTAKE_ASKED, ((*each, answer) for each in asked for answer in get_args(Answer))
        )
        # Since when each does not answer (seconds, monotonic), None if it did when it was last asked.
        self._silent_since: dict[Asked, float | None] = dict.fromkeys(asked)
        self.confirmed = True
        """Whether Kafka confirmed what was published last."""

    def heard(self, system: Asked) -> None:
        """Note that a system answers, with a page of what may be many."""
        self._silent_since[system] = None

    def asked(self, system: Asked, answer: Answer) -> None:
        """Note what became of asking a system for all that is new."""
        self.times_asked.add((*system, answer))
        if answer == "answered":
            self.heard(system)
        elif self._silent_since[system] is None:
            self._silent_since[system] = monotonic()

    def live(self) -> Iterable[Values]:
        """The values that are read at each scrape."""
        yield gauge(catalogue.INTAKE_READY, [((), int(self.confirmed))])
        now = monotonic()
        silent = [
            (system, 0.0 if since is None else now - since) for system, since in self._silent_since.items()
        ]
        yield gauge(catalogue.INTAKE_UNANSWERED, silent)
        yield gauge(BUILD_INFO, [((__version__,), 1)])


@asynccontextmanager
async def serve_metrics(own: IntakeSettings, metrics: IntakeMetrics) -> AsyncIterator[str]:
    """Serve /metrics, /livez, /readyz and /status, apart from the address that takes reports.

    Yields the address. Raises AddressRefused if the port is taken.
    """
    exposition = Exposition(
        (metrics.reports, metrics.requests, metrics.answer, metrics.times_asked), metrics.live
    )
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
