"""Both cores work off the same backlog, one after the other, with outcomes among the reports."""

from streams.contract.wire.topics import MODERATION_OUTCOMES
from tests.bench import traffic
from tests.bench.place import Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, Worked, an_hour_ago, work_off
from tests.bench.scenarios.back_test import CORES

REPORTS = 200_000
# A desk decides on some messages of which there are many reports, not on each report. What it removes is reported no
# more; what it leaves is.
REPORTS_PER_DECISION = 50


def measure(place: Place) -> dict[str, float]:
    """Reports per second, microseconds of CPU time per report, and how many times faster the native core is."""
    count = place.amount(REPORTS)
    worked = {core: _worked(place, core, count) for core in CORES}
    figures = {}
    for core, (rate, cpu) in worked.items():
        figures[f"with outcomes, {core} core: reports/s"] = rate
        figures[f"with outcomes, {core} core: CPU per report"] = cpu
    figures["with outcomes: ratio of the cores"] = worked["native"].rate / worked["python"].rate
    return figures


def _worked(place: Place, core: str, count: int) -> Worked:
    begin = an_hour_ago()
    with Site(place, settings={"TOCSIN_CORE": core}) as site:
        outcomes = list(traffic.decisions(count // REPORTS_PER_DECISION, begin, HOUR_MS))
        site.publish(outcomes, MODERATION_OUTCOMES)
        reports = traffic.without_removed(traffic.usual(count, begin, HOUR_MS), outcomes)
        return work_off(site, reports, "u1", count)
