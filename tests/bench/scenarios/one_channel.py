"""Every report is about one channel: one partition, one busy state, fifty thousand reporters."""

import time

from tests.bench import traffic
from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Place, Site

REPORTS = 300_000
HOUR_MS = 3_600_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second."""
    count = place.amount(REPORTS)
    with Site(place) as site:
        site.publish(traffic.one_channel(count, int(time.time() * 1000) - HOUR_MS, HOUR_MS))
        outputs = Outputs(site.bootstrap, site.name(ENRICHED))
        site.start_worker()
        outputs.wait(count)
        times = outputs.append_times()
        assert len(times) == count, f"{len(times)} of {count} reports came out"
    return {"one hot channel: reports/s": steady_rate(times)}
