"""What the daily counters of the stage `reports` count of a report."""

from collections.abc import Sequence

from streams.events.report import MessageReport
from streams.partition.daily_counters import DailyCounters
from streams.wire.records import OutputRecord
from streams.wire.topics import ESCALATIONS


def count_report(
    counters: DailyCounters,
    now: int,
    report: MessageReport,
    country: str,
    led_to: Sequence[OutputRecord],
    *,
    late: bool,
) -> None:
    """Count an applied report; `country` is the code of its most certain jurisdiction.

    `led_to` are the records that it led to besides its enriched report: a live escalation among them makes it one that
    people were called for.
    """
    reporter = report.reporter
    source = "anonymous" if reporter is None else reporter.kind
    cell = (
        source,
        report.kind,
        source == "automated" or report.kind == "automated_detection",
        late,
        bool(led_to) and any(record[0] == ESCALATIONS for record in led_to),
    )
    counters.count(now, country, report.category, cell)
