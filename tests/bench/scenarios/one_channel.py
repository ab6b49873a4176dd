"""All reports are about one channel: one partition, one busy state, fifty thousand reporters."""

from tests.bench import traffic
from tests.bench.place import Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off

REPORTS = 300_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second."""
    count = place.amount(REPORTS)
    with Site(place) as site:
        worked = work_off(site, traffic.one_channel(count, an_hour_ago(), HOUR_MS), "h3", count)
    return {"one hot channel: reports/s": worked.rate}
