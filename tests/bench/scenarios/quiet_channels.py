"""A million channels with one report each: processing rate, restore rate, and memory per channel."""

import signal

from tests.bench import traffic
from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Place, Site, resident_bytes, takeover_seconds
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago

CHANNELS = 1_000_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second when every channel is new; channels restored per second; bytes per quiet channel."""
    count = place.amount(CHANNELS)
    with Site(place) as site:
        worker = site.start_worker()
        empty = resident_bytes(worker)
        site.stop(worker, signal.SIGTERM)
        site.publish(traffic.all_new(count, an_hour_ago(), HOUR_MS))
        outputs = Outputs(site.bootstrap, site.name(ENRICHED))
        worker = site.start_worker()
        outputs.wait(count)
        grown = resident_bytes(worker)
        times = outputs.append_times_of("n2", count)
        site.stop(worker, signal.SIGTERM)
        worker = site.start_worker()
        seconds = takeover_seconds(worker)
        restored = resident_bytes(worker)
    return {
        "all-new channels: reports/s": steady_rate(times),
        "restore: channels/s": count / seconds,
        "quiet channel: bytes after a restore": (restored - empty) / count,
        "quiet channel: bytes before a restore": (grown - empty) / count,
    }
