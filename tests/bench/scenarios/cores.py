"""Both cores in whole workers, by turns: throughput of usual and of all-new channels, latency, memory per
channel.
"""

from tests.bench import traffic
from tests.bench.load import p99_of_a_worker
from tests.bench.outputs import Outputs
from tests.bench.place import ENRICHED, Place, Site, resident_bytes
from tests.bench.scenarios.backlog import HOUR_MS, Worked, an_hour_ago, work_off

CORES = ("python", "native")
USUAL = 400_000
ALL_NEW = 200_000
CHANNELS = 500_000
RATE = 1_000
SECONDS = 15.0
# Skipped: the first connections, fetches and transactions are slower.
WARM_UP_SECONDS = 3.0


def measure(place: Place) -> dict[str, float]:
    """Reports per second, microseconds per report, milliseconds and bytes of each core, and ratios. Needs
    `make native`.
    """
    usual = {core: _usual(place, core) for core in CORES}
    all_new = {core: _all_new(place, core) for core in CORES}
    p99 = {core: _p99(place, core) for core in CORES}
    memory = {core: _bytes_per_channel(place, core) for core in CORES}
    figures: dict[str, float] = {}
    for core in CORES:
        figures |= {
            f"{core} core: reports/s": usual[core].rate,
            f"{core} core: CPU per report": usual[core].cpu,
            f"{core} core, all-new channels: reports/s": all_new[core].rate,
            f"{core} core: p99 at 1,000/s": p99[core],
            f"{core} core: bytes per quiet channel": memory[core],
        }
    return {
        **figures,
        "native / python: reports/s": usual["native"].rate / usual["python"].rate,
        "native / python, all-new channels: reports/s": all_new["native"].rate / all_new["python"].rate,
    }


def _site(place: Place, core: str) -> Site:
    return Site(place, settings={"TOCSIN_CORE": core})


def _usual(place: Place, core: str) -> Worked:
    count = place.amount(USUAL)
    with _site(place, core) as site:
        return work_off(site, traffic.usual(count, an_hour_ago(), HOUR_MS), "u1", count)


def _all_new(place: Place, core: str) -> Worked:
    count = place.amount(ALL_NEW)
    with _site(place, core) as site:
        return work_off(site, traffic.all_new(count, an_hour_ago(), HOUR_MS), "n2", count)


def _p99(place: Place, core: str) -> float:
    seconds = 6.0 if place.quick else SECONDS
    with _site(place, core) as site:
        return p99_of_a_worker(site, RATE, seconds, WARM_UP_SECONDS, 70)


def _bytes_per_channel(place: Place, core: str) -> float:
    count = place.amount(CHANNELS)
    with _site(place, core) as site:
        worker = site.start_worker()
        empty = resident_bytes(worker)
        outputs = Outputs(site.bootstrap, site.name(ENRICHED))
        site.publish(traffic.all_new(count, an_hour_ago(), HOUR_MS))
        outputs.wait(count)
        return (resident_bytes(worker) - empty) / count
