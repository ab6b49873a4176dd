"""What a back-test takes: what workers applied is judged by two sets of rules, in one process."""

import resource
import subprocess
import time

from tests.bench import traffic
from tests.bench.outputs import Outputs
from tests.bench.place import ENRICHED, Place, Site
from tests.bench.scenarios.backlog import HOUR_MS
from tests.bench.scenarios.rules import THRESHOLD
from tests.kafka.harness.rule_acts import UNSIGNED, RuleActs
from tests.kafka.harness.workers import COMMAND, clean_environment

CORES = ("native", "python")
REPORTS = 60_000


def measure(place: Place) -> dict[str, float]:
    """Microseconds of CPU time per report, and reports per second of a core; the command's start included."""
    figures: dict[str, float] = {}
    for core in CORES:
        count = place.amount(REPORTS)
        seconds = _judged_twice(place, core, count)
        figures[f"back-test, {core} core: CPU per report"] = seconds / count * 1e6
        figures[f"back-test, {core} core: reports/s and core"] = count / seconds
    return figures


def _judged_twice(place: Place, core: str, count: int) -> float:
    """Seconds of CPU time of the command."""
    with Site(place, settings={**UNSIGNED, "TOCSIN_CORE": core}) as site:
        acts = RuleActs(site.settings)
        acts.put_into_force()
        candidate = acts.propose(*THRESHOLD)
        worker = site.start_worker()
        site.publish(traffic.usual(count, int(time.time() * 1000) - HOUR_MS, HOUR_MS, seed=95))
        Outputs(site.bootstrap, site.name(ENRICHED)).wait(count)
        # Its processor time is that of a child too, once it has ended.
        worker.end()
        before = _children()
        command = [*COMMAND, "rules", "backtest", candidate, "--since", "P1D", "--processes", "1"]
        done = subprocess.run(
            command, env=clean_environment(site.settings), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
