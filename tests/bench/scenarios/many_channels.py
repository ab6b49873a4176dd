"""The usual traffic with ten and a hundred times as many channels, most of which get one or two reports."""

from tests.bench import traffic
from tests.bench.place import Place, Site
from tests.bench.scenarios.backlog import HOUR_MS, an_hour_ago, work_off

REPORTS = 400_000


def measure(place: Place) -> dict[str, float]:
    """Reports per second, and microseconds of CPU time per report."""
    count = place.amount(REPORTS)
    figures = {}
    for channels in traffic.MANY_CHANNELS:
        with Site(place) as site:
            reports = traffic.usual(count, an_hour_ago(), HOUR_MS, channels=channels)
            worked = work_off(site, reports, "u1", count)
        figures[f"{channels:,} channels: reports/s"] = worked.rate
        figures[f"{channels:,} channels: CPU per report"] = worked.cpu
    return figures
