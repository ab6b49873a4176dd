"""What an adapter counts about itself, and its pages for Prometheus and probes."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Literal, Protocol, get_args

from streams import __version__
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.desk.adapters.settings import AdapterSettings
from streams.running.clients.https.answer import Failure
from streams.running.operations import adapter_metric_catalogue as catalogue
from streams.running.operations.http_server import serve
from streams.running.operations.metrics import Exposition
from streams.running.operations.process_metric_catalogue import BUILD_INFO
from streams.running.operations.rules_standing import RulesStanding
from streams.running.operations.values import Histogram, Numbers, Values, gauge

# Of a decision that is not published. `not_reported`: it is about nothing that the adapter reported.
# `no_rule`: no row of the mapping applies. `no_person`: a program decided. `refused`: a worker would refuse
# it.
LeftOut = Literal["not_reported", "no_rule", "no_person", "refused"]


class Reading(Protocol):
    """How far reading has come."""

    @property
    def ready(self) -> bool:
        """Whether there are partitions to read."""

    @property
    def waiting(self) -> int:
        """Events read and not finished."""

    def lag_seconds(self) -> float:
        """Age of the oldest of them."""


class AdapterMetrics:
    """The counters of an adapter.

    Series with known labels start at 0, because alerts look at their increase. `rules` says how the rules in
    force stand, for an adapter that goes by them.
    """

    def __init__(self, topics: Iterable[str], rules: Callable[[], RulesStanding] | None = None) -> None:
        self.delivered = Numbers(catalogue.ADAPTER_DELIVERED, zip(topics))
        self.retried = Numbers(catalogue.ADAPTER_RETRIED, zip(get_args(Failure)))
        self.set_aside = Numbers(catalogue.ADAPTER_SET_ASIDE, zip(get_args(Failure)))
        self.outcomes = Numbers(catalogue.ADAPTER_OUTCOMES, zip(get_args(OutcomeDecision)))
        self.left_out = Numbers(catalogue.ADAPTER_LEFT_OUT, zip(get_args(LeftOut)))
        self.delivery = Histogram(catalogue.ADAPTER_DELIVERY)
        self.build = gauge(BUILD_INFO, [((__version__,), 1)])
        self.rules = rules
        self.asked_at: float | None = None
        """When the desk last listed its decisions (monotonic), or was first asked; None if never asked."""

    def values(self) -> list[Values]:
        """All counters and histograms."""
        return [value for value in vars(self).values() if isinstance(value, Numbers | Histogram)]


@asynccontextmanager
async def serve_metrics(
    settings: AdapterSettings, metrics: AdapterMetrics, reading: Reading
) -> AsyncIterator[str]:
    """Serve /metrics, /livez, /readyz and /status.

    Yields the address. Raises AddressRefused if the port is taken.
    """

    def live() -> Iterable[Values]:
        for metric, value in (
            (catalogue.ADAPTER_READY, int(reading.ready)),
            (catalogue.ADAPTER_LAG, reading.lag_seconds()),
            (catalogue.ADAPTER_WAITING, reading.waiting),
        ):
            yield gauge(metric, [((), value)])
        if metrics.asked_at is not None:
            yield gauge(catalogue.ADAPTER_ASKED, [((), monotonic() - metrics.asked_at)])
        if metrics.rules is not None:
            standing = metrics.rules()
            yield gauge(catalogue.ADAPTER_RULES_DIFFER, [((), float(standing.differs))])
            not_ready = [((rule_set[:16],), 1) for rule_set, _ in standing.not_ready]
            yield gauge(catalogue.ADAPTER_RULES_NOT_READY, not_ready)

    async with serve(
        settings.metrics_host,
        settings.metrics_port,
        prefix=f"{settings.model_config['env_prefix']}METRICS_",
        metrics=Exposition(metrics.values(), live).text,
        liveness=lambda: "adapter",
        reason_not_ready=lambda: None if reading.ready else "joining the consumer group",
        status=lambda: {
            "name": settings.name,
            "ready": reading.ready,
            "waiting": reading.waiting,
            "lag_seconds": round(reading.lag_seconds(), 3),
        },
    ) as address:
        yield address
