"""The runtime with a core that only passes reports on: the cost of fetching, transactions and Faust."""

from tests.bench import traffic
from tests.bench.place import Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off
from tests.kafka.harness.workers import changed_worker

REPORTS = 300_000

# How much longer an enriched report is than its report.
FILLER_BYTES = 1_500

_PROGRAM = f"""
from streams.deciding.partition.batch import Batch
from streams.deciding.partition.stage import Stage
from streams.contract.wire.records import OutputRecord

filler = b" " * {FILLER_BYTES}

def pass_on(self, state, records, limits=None, **_):
    batch = Batch(state, self.rules, self.new_counters(), self.serve_due)
    batch.outputs = [
        OutputRecord("enriched-reports", state.partition, record.key, record.value + filler, record.headers)
        for record in records
    ]
    batch.finished_records = len(records)
    yield batch

Stage.apply_in_slices = pass_on
"""


def measure(place: Place) -> dict[str, float]:
    """Reports per second, and the CPU time per report."""
    count = place.amount(REPORTS)
    with Site(place) as site:
        reports = traffic.usual(count, an_hour_ago(), HOUR_MS)
        worked = work_off(site, reports, "u1", count, changed_worker(_PROGRAM))
    return {
        "the runtime alone: reports/s": worked.rate,
        "the runtime alone: CPU per report": worked.cpu,
    }
