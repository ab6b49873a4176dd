"""The cost of metrics: their share of a worker's CPU time, and the rates of a worker with and without them.

Two workers of the same code differ by more than the metrics cost, so only the share has a target.
"""

import re
import signal
import threading
import urllib.request

from tests.bench import traffic
from tests.bench.outputs import Outputs, steady_rate
from tests.bench.place import ENRICHED, Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago
from tests.kafka.harness.workers import Worker, changed_worker

REPORTS = 200_000
# Fifteen times as often as Prometheus does.
SCRAPE_SECONDS = 1.0

# All work for metrics happens in these two functions, on the thread that processes reports.
_MEASURED = """
import atexit, time
from streams.running.operations.metrics import Exposition
from streams.running.worker.observers import ReportObserver

spent, at = [], []

def timed(function):
    def call(*arguments):
        began = time.thread_time()
        try:
            return function(*arguments)
        finally:
            spent.append(time.thread_time() - began)
            at.append(time.process_time())
    return call

ReportObserver.committed = timed(ReportObserver.committed)
Exposition.text = timed(Exposition.text)
atexit.register(lambda: print(f"metrics took {sum(spent[1:])} of {at[-1] - at[0]} s", flush=True))
"""

_WITHOUT = """
import streams.running.worker.observers
from streams.running.partitions.observer import Observer
streams.running.worker.observers.ReportObserver = lambda operations: Observer()
"""


def measure(place: Place) -> dict[str, float]:
    """Percentage of the CPU time of a busy worker; reports per second with and without metrics."""
    count = place.amount(REPORTS)
    with_metrics, worker_text = _work_off(place, count, _MEASURED)
    without, _ = _work_off(place, count, _WITHOUT)
    spent, of = map(float, re.findall(r"metrics took (\S+) of (\S+) s", worker_text)[0])
    return {
        "metrics: share of the worker's CPU": spent / of * 100,
        f"one worker with metrics, {REPORTS:,} reports: reports/s": with_metrics,
        f"one worker without metrics, {REPORTS:,} reports: reports/s": without,
    }


def _work_off(place: Place, count: int, program: str) -> tuple[float, str]:
    """Reports per second, and the worker's log."""
    with Site(place) as site:
        site.publish(traffic.usual(count, an_hour_ago(), HOUR_MS))
        outputs = Outputs(site.bootstrap, site.name(ENRICHED))
        (worker,) = site.start_workers(1, changed_worker(program))
        done = threading.Event()
        scraper = threading.Thread(target=_scrape, args=(worker, done), daemon=True)
        scraper.start()
        outputs.wait(count)
        done.set()
        scraper.join()
        site.stop(worker, signal.SIGTERM)
        return steady_rate(outputs.append_times_of("u1", count)), worker.text


def _scrape(worker: Worker, done: threading.Event) -> None:
    address = re.search(r"address=(http://\S+)", worker.text)[1]
    while not done.wait(SCRAPE_SECONDS):
        urllib.request.urlopen(f"{address}/metrics", timeout=30).read()
