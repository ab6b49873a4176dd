"""What each codec costs a worker and saves on the brokers' disks: CPU, bytes, latency, and reading the state
again.
"""

import signal
import time
from typing import get_args

from streams.contract.wire.topics import CHANNEL_STATE
from streams.running.log.connection import Compression
from tests.bench import traffic
from tests.bench.load import Load, percentile
from tests.bench.outputs import Outputs
from tests.bench.place import ENRICHED, Place, Site, cpu_seconds, takeover_seconds
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off

BACKLOG = 200_000
CHANNELS = 200_000
RATE = 1_000
SECONDS = 15.0
# Skipped: the first connections, fetches and transactions are slower.
WARM_UP_SECONDS = 5.0


def measure(place: Place) -> dict[str, float]:
    """Each codec in turn, on topics of its own."""
    figures: dict[str, float] = {}
    for codec in get_args(Compression):
        found = {
            **_backlog(place, codec),
            **_at_a_rate(place, codec),
            **_restore(place, codec),
        }
        figures |= {f"{codec}: {name}": value for name, value in found.items()}
    return figures


def _site(place: Place, codec: str) -> Site:
    return Site(place, settings={"TOCSIN_COMPRESSION": codec})


def _backlog(place: Place, codec: str) -> dict[str, float]:
    count = place.amount(BACKLOG)
    with _site(place, codec) as site:
        worked = work_off(site, traffic.usual(count, an_hour_ago(), HOUR_MS), "u1", count)
        return {
            "CPU per report": worked.cpu,
            "enriched-reports": site.log_bytes(ENRICHED) / count,
            "channel-state": site.log_bytes(CHANNEL_STATE) / count,
        }


def _at_a_rate(place: Place, codec: str) -> dict[str, float]:
    with _site(place, codec) as site:
        worker = site.start_worker()
        load = Load(site, RATE, SECONDS, 50)
        began = load.begin()
        time.sleep(max(0.0, began + WARM_UP_SECONDS - time.monotonic()))
        before = cpu_seconds(worker)
        time.sleep(max(0.0, began + SECONDS - time.monotonic()))
        cpu = (cpu_seconds(worker) - before) / (SECONDS - WARM_UP_SECONDS)
        load.finish()
        counted = load.latency[int(RATE * WARM_UP_SECONDS) :]
        sent = len(load.latency)
        return {
            f"CPU at {RATE:,}/s": 100 * cpu,
            f"p50 at {RATE:,}/s": percentile(counted, 0.5) * 1000,
            f"p99 at {RATE:,}/s": percentile(counted, 0.99) * 1000,
            f"enriched-reports at {RATE:,}/s": site.log_bytes(ENRICHED) / sent,
            f"channel-state at {RATE:,}/s": site.log_bytes(CHANNEL_STATE) / sent,
        }


def _restore(place: Place, codec: str) -> dict[str, float]:
    count = place.amount(CHANNELS)
    with _site(place, codec) as site:
        worker = site.start_worker()
        site.publish(traffic.all_new(count, an_hour_ago(), HOUR_MS))
        Outputs(site.bootstrap, site.name(ENRICHED)).wait(count)
        site.stop(worker, signal.SIGTERM)
        return {"restored channels/s": count / takeover_seconds(site.start_worker())}
