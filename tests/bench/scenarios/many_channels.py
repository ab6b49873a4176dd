"""The usual traffic with ten times as many channels, most of which get one or two reports."""

from tests.bench import traffic
from tests.bench.place import Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off

REPORTS = 400_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second."""
    count = place.amount(REPORTS)
    with Site(place) as site:
        reports = traffic.usual(count, an_hour_ago(), HOUR_MS, channels=traffic.MANY_CHANNELS)
        worked = work_off(site, reports, "u1", count)
    return {f"{traffic.MANY_CHANNELS:,} channels: reports/s": worked.rate}
