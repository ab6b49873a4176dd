"""Time from when a report is due to be published until a read_committed reader has the enriched report."""

from tests.bench.load import Load, percentile
from tests.bench.place import Place, Site

RATES = (100, 1_000, 10_000)
SECONDS = 12.0
# Skipped: the first connections, fetches and transactions are slower.
WARM_UP_SECONDS = 2.0


def measure(place: Place) -> dict[str, float]:
    """Milliseconds at each rate."""
    seconds = 5.0 if place.quick else SECONDS
    figures = {}
    with Site(place) as site:
        site.start_worker()
        for seed, rate in enumerate(RATES, 10):
            load = Load(site, rate, seconds, seed)
            load.begin()
            load.finish()
            counted = load.latency[int(rate * WARM_UP_SECONDS) :]
            for part in (50, 95, 99):
                figures[f"latency at {rate:,}/s: p{part}"] = percentile(counted, part / 100) * 1000
    return figures
