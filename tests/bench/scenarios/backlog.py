"""Processes a backlog: workers start once all of it is published."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Site, cpu_seconds
from tests.bench.traffic import Report
from tests.kafka.harness.workers import WORKER

HOUR_MS = 3_600_000


class Worked(NamedTuple):
    """`rate` in reports per second, `cpu` in microseconds of CPU time of the worker's process per report."""

    rate: float
    cpu: float


def an_hour_ago() -> int:
    """The start of a backlog of one hour, in milliseconds since the epoch."""
    return int(time.time() * 1000) - HOUR_MS


def work_off(
    site: Site, reports: Iterable[Report], series: str, count: int, command: Sequence[str] = WORKER
) -> Worked:
    """Publish reports `series-0` to `series-(count - 1)`, let one worker process them, and end the worker.

    Raises AssertionError unless each report is enriched exactly once.
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
