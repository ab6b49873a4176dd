"""What the stage of reporters costs: throughput and latency with it and without, and memory per reporter."""

import gc
import tracemalloc

from streams.contract.wire.times import DAY
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reporters.reporter import CreditFacts, OutcomeFacts, Reporter, ReportFacts
from streams.deciding.reporters.state import state_key
from streams.deciding.reporters.store import ReporterStore
from streams.registry.loader import load_rules
from tests.bench import traffic
from tests.bench.load import p99_of_a_worker
from tests.bench.place import ONE_TOPIC, Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off
from tests.categories import CODES

BACKLOG = 200_000
RATE = 1_000
SECONDS = 15.0
# Skipped: the first connections, fetches and transactions are slower.
WARM_UP_SECONDS = 3.0

REPORTERS = 50_000
# Of each reporter, every other one of the reports with an outcome. An active one: most have one report and
# none.
REPORTS_EACH = 6
START_MS = 1_800_000_000_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second and milliseconds, on and off one after the other, with their ratios; bytes per
    reporter.
    """
    rates = {switch: _backlog(place, switch) for switch in ("off", "on")}
    p99 = {switch: _p99(place, switch) for switch in ("off", "on")}
    return {
        **{f"reporters {switch}: reports/s": rate for switch, rate in rates.items()},
        "reporters: throughput on / off": rates["on"] / rates["off"],
        **{f"reporters {switch}: p99 at 1,000/s": value for switch, value in p99.items()},
        "reporters: p99 on / off": p99["on"] / p99["off"],
        "reporters: bytes per reporter": _bytes_per_reporter(place.amount(REPORTERS)),
    }


def _site(place: Place, switch: str) -> Site:
    return Site(place, settings={"TOCSIN_REPORTERS": switch})


def _backlog(place: Place, switch: str) -> float:
    count = place.amount(BACKLOG)
    with _site(place, switch) as site:
        return work_off(site, traffic.usual(count, an_hour_ago(), HOUR_MS), "u1", count).rate


def _p99(place: Place, switch: str) -> float:
    seconds = 6.0 if place.quick else SECONDS
    with _site(place, switch) as site:
        return p99_of_a_worker(site, RATE, seconds, WARM_UP_SECONDS, 60)


def _bytes_per_reporter(count: int) -> float:
    """Bytes that the allocator was asked for, with key, place in the dictionary and day of expiry."""
    rules = load_rules(sources=ONE_TOPIC).reporters
    key = DEMONSTRATION.current
    tracemalloc.start()
    try:
        store = ReporterStore()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for person in range(count):
            hashed = key.reporter_hash(f"person/{person}")
            reporter = Reporter()
            for number in range(REPORTS_EACH):
                time_ms = START_MS + number * DAY
                target = key.target_hash(f"channel/{person % 2_000}", f"message/{number}")
                channel = key.channel_hash(f"channel/{person % 2_000}")
                reporter.report(
                    rules,
                    ReportFacts(
                        "user", time_ms, time_ms // 1000, CODES["spam"], target, channel, False, False
                    ),
                )
                if number % 2:
                    added = OutcomeFacts(
                        time_ms // DAY, "upheld" if person % 3 else "dismissed", CODES["spam"], 100
                    )
                    reporter.credit(CreditFacts(time_ms, time_ms // 1000, target, added.verdict, None, added))
            store.keep(state_key(b"%016x" % hashed), reporter, START_MS + REPORTS_EACH * DAY)
            if person % 1_000 == 999:
                # As at the end of a batch: what was changed is kept as bytes.
                for _ in store.drain_changes():
                    pass
        for _ in store.drain_changes():
            pass
        gc.collect()
        assert len(store) == count
        return (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
