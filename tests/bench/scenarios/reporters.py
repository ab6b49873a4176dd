"""What the stage of reporters keeps in memory."""

import gc
import tracemalloc

from streams.contract.wire.times import DAY
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.reporters.reporter import CreditFacts, OutcomeFacts, Reporter, ReportFacts
from streams.deciding.reporters.state import state_key
from streams.deciding.reporters.store import keep, reporter_store
from streams.registry.loader import load_rules
from tests.bench.place import ONE_TOPIC, Place
from tests.categories import CODES

REPORTERS = 50_000
# Of each reporter, every other one of the reports with an outcome. An active one: most have one report and
# none.
REPORTS_EACH = 6
START_MS = 1_800_000_000_000


def measure(place: Place) -> dict[str, float]:
    """Bytes per reporter."""
    return {"reporters: bytes per reporter": _bytes_per_reporter(place.amount(REPORTERS))}


def _bytes_per_reporter(count: int) -> float:
    """Bytes that the allocator was asked for, with key, place in the dictionary and day of expiry."""
    rules = load_rules(sources=ONE_TOPIC).reporters
    key = DEMONSTRATION.current
    tracemalloc.start()
    try:
        store = reporter_store()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for person in range(count):
            hashed = key.reporter_hash(f"person/{person}")
            reporter = Reporter()
            for number in range(REPORTS_EACH):
                time_ms = START_MS + number * DAY
                target = key.target_hash(f"channel/{person % 2_000}", f"message/{number}")
                channel = key.channel_hash(f"channel/{person % 2_000}")
                reporter.note_report(
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
            keep(store, state_key(b"%016x" % hashed), reporter, START_MS + REPORTS_EACH * DAY)
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
