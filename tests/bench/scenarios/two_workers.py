"""Two workers process a backlog on the same machine and share its cores with the broker."""

from tests.bench import traffic
from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago

REPORTS = 600_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second of both workers together."""
    count = place.amount(REPORTS)
    with Site(place) as site:
        site.publish(traffic.usual(count, an_hour_ago(), HOUR_MS))
        outputs = Outputs(site.bootstrap, site.name(ENRICHED))
        # Both start at once: otherwise the first would have done half the work before the second is ready.
        site.start_workers(2)
        outputs.wait(count)
        times = outputs.append_times_of("u1", count)
    return {"two workers: reports/s": steady_rate(times)}
