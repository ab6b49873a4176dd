"""What a candidate in shadow costs: a second set of policies that judges every report beside the rules in force."""

import time
from statistics import median

from tests.bench import traffic
from tests.bench.outputs import Outputs
from tests.bench.place import ENRICHED, Place, Site, cpu_seconds
from tests.bench.scenarios.backlog import HOUR_MS
from tests.bench.scenarios.rules import THRESHOLD
from tests.kafka.harness.rule_acts import ALICE, UNSIGNED, RuleActs

CORES = ("native", "python")
REPORTS = 60_000
ROUNDS = 3
# With and without by turns; the first one makes the state, and its figure is left out.
_TURNS = 1 + 2 * ROUNDS

_CHANGED = "partitions change to other rules"


def measure(place: Place) -> dict[str, float]:
    """Microseconds of CPU time of a worker per report."""
    figures: dict[str, float] = {}
    for core in CORES:
        figures |= _beside(place, core)
    return figures


def _beside(place: Place, core: str) -> dict[str, float]:
    """CPU of a worker per report, with a candidate in shadow and without, in turns on the same state."""
    count = place.amount(REPORTS)
    cpu: dict[bool, list[float]] = {False: [], True: []}
    with Site(place, settings={**UNSIGNED, "TOCSIN_CORE": core}) as site:
        acts = RuleActs(site.settings)
        acts.put_into_force()
        candidate = acts.propose(*THRESHOLD)
        worker = site.start_worker()
        outputs = Outputs(site.bootstrap, site.name(ENRICHED))
        published, begin = 0, int(time.time() * 1000) - _TURNS * HOUR_MS
        for number in range(_TURNS):
            in_shadow = number % 2 == 0
            said = worker.text.count(_CHANGED)
            acts.act(ALICE, "shadowed" if in_shadow else "ended", candidate)
            site.until(lambda said=said: worker.text.count(_CHANGED) > said)
            before = cpu_seconds(worker)
            # No report is late: each round is the next hour.
            site.publish(traffic.usual(count, begin + number * HOUR_MS, HOUR_MS, seed=90 + number))
            published += count
            outputs.wait(published)
            if number:
                cpu[in_shadow].append((cpu_seconds(worker) - before) / count * 1e6)
    alone, beside = median(cpu[False]), median(cpu[True])
    return {
        f"candidate, {core} core: CPU per report without": alone,
        f"candidate, {core} core: CPU per report in shadow": beside,
        f"candidate, {core} core: ratio of these": beside / alone,
    }
