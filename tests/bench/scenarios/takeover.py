"""How long reports wait when a worker leaves, joins or is killed, at 1,000 reports per second."""

import signal
import time

from tests.bench import traffic
from tests.bench.load import Load
from tests.bench.outputs import Outputs
from tests.bench.place import ENRICHED, Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago

QUIET_CHANNELS = 100_000
RATE = 1_000

# When each event happens, in seconds after the first report. Its effect must be over before the next event.
LEAVES, JOINS, KILLED, END = 3.0, 10.0, 18.0, 33.0


def measure(place: Place) -> dict[str, float]:
    """The longest wait of a report around each event, in seconds."""
    count = place.amount(QUIET_CHANNELS)
    with Site(place) as site:
        site.start_worker()
        site.publish(traffic.all_new(count, an_hour_ago(), HOUR_MS))
        Outputs(site.bootstrap, site.name(ENRICHED)).wait(count)
        second = site.start_worker()
        load = Load(site, RATE, END, 20)
        began = load.begin()
        _sleep_until(began + LEAVES)
        site.stop(second, signal.SIGTERM)
        _sleep_until(began + JOINS)
        third = site.start_worker()
        _sleep_until(began + KILLED)
        site.stop(third, signal.SIGKILL)
        load.finish()
    return {
        "longest wait when a worker leaves": _longest(load, LEAVES - 1, JOINS - 0.5),
        "longest wait when a worker joins": _longest(load, JOINS - 0.5, KILLED - 1),
        "longest wait when a worker is killed": _longest(load, KILLED - 1, END),
    }


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _longest(load: Load, begin: float, end: float) -> float:
    return max(wait for due, wait in zip(load.due, load.latency, strict=True) if begin <= due < end)
