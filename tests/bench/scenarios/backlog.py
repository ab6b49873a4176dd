"""A backlog, worked off by workers that start when all of it is there."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Site, cpu_seconds
from tests.bench.traffic import Report

HOUR_MS = 3_600_000


class Worked(NamedTuple):
    """`rate` in reports per second, `cpu` in microseconds of the worker's process per report."""

    rate: float
    cpu: float


def an_hour_ago() -> int:
    """Milliseconds since the epoch: a backlog of an hour begins there."""
    return int(time.time() * 1000) - HOUR_MS


def work_off(site: Site, reports: Iterable[Report], count: int) -> Worked:
    """Publish `count` reports, let one worker go through them, and end it. Fails unless each comes out once."""
    site.publish(reports)
    outputs = Outputs(site.bootstrap, site.name(ENRICHED))
    worker = site.start_worker()
    before = cpu_seconds(worker)
    outputs.wait(count)
    cpu = (cpu_seconds(worker) - before) / count * 1e6
    times = outputs.append_times()
    assert len(times) == count, f"{len(times)} of {count} reports came out"
    site.workers.remove(worker)
    worker.end()
    return Worked(steady_rate(times), cpu)
