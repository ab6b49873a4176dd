"""What partitions cost: CPU and latency of one worker with 4 and with 48 of them, and taking over many."""

import signal
import time

from streams.running.app.garbage_collection import SECONDS_BETWEEN_LOOKS, SETTLING_SECONDS
from tests.bench import traffic
from tests.bench.load import Load, percentile
from tests.bench.outputs import Outputs
from tests.bench.place import ENRICHED, Place, Site, cpu_seconds, open_descriptors, takeover_seconds
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago

FEW, MANY, MOST = 4, 48, 100
RATES = (100, 1_000)
SECONDS = 15.0
# Skipped: in the first seconds of new topics the broker is busy with making their files.
WARM_UP_SECONDS = 5.0
# Within fifteen seconds after a takeover a worker makes its only full garbage collection, which takes .1 to .3 s.
SETTLED_SECONDS = SETTLING_SECONDS + SECONDS_BETWEEN_LOOKS + WARM_UP_SECONDS
IDLE_SECONDS = 20.0

CHANNELS_OF_MANY, CHANNELS_OF_MOST = 100_000, 1_000_000


def measure(place: Place) -> dict[str, float]:
    """CPU in percent of a core, latency in milliseconds, descriptors, and seconds from the assignment until a
    worker owns.
    """
    figures = {}
    for partitions in (FEW, MANY):
        figures |= _running(place, partitions)
    return figures | _taking_over(place)


def _running(place: Place, partitions: int) -> dict[str, float]:
    figures = {}
    with Site(place, partitions) as site:
        worker = site.start_worker()
        time.sleep(SETTLED_SECONDS)
        before = cpu_seconds(worker)
        time.sleep(IDLE_SECONDS)
        figures[f"{partitions} partitions, idle: CPU"] = 100 * (cpu_seconds(worker) - before) / IDLE_SECONDS
        for seed, rate in enumerate(RATES, 30):
            load = Load(site, rate, SECONDS, seed)
            began = load.begin()
            time.sleep(max(0.0, began + WARM_UP_SECONDS - time.monotonic()))
            before = cpu_seconds(worker)
            time.sleep(max(0.0, began + SECONDS - time.monotonic()))
            seconds = time.monotonic() - began - WARM_UP_SECONDS
            figures[f"{partitions} partitions, {rate:,}/s: CPU"] = (
                100 * (cpu_seconds(worker) - before) / seconds
            )
            load.finish()
            counted = load.latency[int(rate * WARM_UP_SECONDS) :]
            for part in (50, 99):
                figures[f"{partitions} partitions, {rate:,}/s: p{part}"] = (
                    percentile(counted, part / 100) * 1000
                )
        figures[f"{partitions} partitions: descriptors"] = open_descriptors(worker)
    return figures


def _taking_over(place: Place) -> dict[str, float]:
    with Site(place, MANY) as site:
        heir = site.start_worker()
        _fill(site, place.amount(CHANNELS_OF_MANY))
        second = site.start_worker()
        load = Load(site, 1_000, 3.0, 40)
        load.begin()
        time.sleep(2.0)
        owned = heir.text.count("owns partitions")
        site.stop(second, signal.SIGKILL)
        site.until(lambda: heir.text.count("owns partitions") > owned)
        from_killed = takeover_seconds(heir)
        load.finish()
    with Site(place, MOST) as site:
        worker = site.start_worker()
        _fill(site, place.amount(CHANNELS_OF_MOST))
        site.stop(worker, signal.SIGTERM)
        all_of_most = takeover_seconds(site.start_worker())
    return {
        f"{MANY} partitions: takeover of the half of a killed worker": from_killed,
        f"{MOST} partitions: takeover of all": all_of_most,
    }


def _fill(site: Site, channels: int) -> None:
    site.publish(traffic.all_new(channels, an_hour_ago(), HOUR_MS))
    Outputs(site.bootstrap, site.name(ENRICHED)).wait(channels)
