"""A backlog, worked off by workers that start when all of it is there."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Site, cpu_seconds
from tests.bench.traffic import Report
from tests.kafka.harness.workers import WORKER

HOUR_MS = 3_600_000


class Worked(NamedTuple):
    """`rate` in reports per second, `cpu` in microseconds of the worker's process per report."""

    rate: float
    cpu: float


def an_hour_ago() -> int:
    """Milliseconds since the epoch: a backlog of an hour begins there."""
    return int(time.time() * 1000) - HOUR_MS


def work_off(
    site: Site, reports: Iterable[Report], series: str, count: int, command: Sequence[str] = WORKER
) -> Worked:
    """Publish the reports `series-0` to `series-(count - 1)` and let one worker go through them.

    Fails unless each comes out once. The worker is ended.
    """
    site.publish(reports)
    outputs = Outputs(site.bootstrap, site.name(ENRICHED))
    (worker,) = site.start_workers(1, command)
    before = cpu_seconds(worker)
    outputs.wait(count)
    cpu = (cpu_seconds(worker) - before) / count * 1e6
    times = outputs.append_times_of(series, count)
    site.workers.remove(worker)
    worker.end()
    return Worked(steady_rate(times), cpu)
