"""A million channels with one report each: processing rate, restore rate, and memory per channel."""

import re
import signal

from tests.bench import traffic
from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Place, Site, resident_bytes
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago

CHANNELS = 1_000_000

_TOOK_OVER = re.compile(r"owns partitions \[.*?\bseconds\W+([\d.]+)")


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
        # From the assignment until all partitions are restored.
        seconds = float(_TOOK_OVER.findall(worker.text)[-1])
        restored = resident_bytes(worker)
    return {
        "all-new channels: reports/s": steady_rate(times),
        "restore: channels/s": count / seconds,
        "quiet channel: bytes after a restore": (restored - empty) / count,
        "quiet channel: bytes before a restore": (grown - empty) / count,
    }
