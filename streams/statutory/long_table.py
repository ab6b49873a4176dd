"""All figures in one long table, for reports to other regulators (the UK's notices, US states)."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from streams.contract.events.transparency import TransparencyCounter
from streams.counting.rounded_times import median_time
from streams.statutory.reporting_period import Period

COLUMNS: Final = (
    "period", "metric", "jurisdiction", "category", "source", "unit", "value", "definition",
)  # fmt: skip

_DEFINITIONS: Final = {
    "reports": "Reports received",
    "reports_escalated": "Reports that opened an escalation or raised its level",
    "items": "Different messages that notices named",
    "decisions_upheld": "Messages about which reports were right, by the decision that holds",
    "decisions_dismissed": "Messages about which reports were not right, by the decision that holds",
    "decisions_manifestly_unfounded": "Messages about which reports were evidently not right, by the "
    "decision that holds",
    "action_time": "Median time from the first notice about a message to the decision that upheld it",
    "complaints_upheld": "Decisions that confirmed an earlier one",
    "complaints_partially_reversed": "Decisions that changed what an earlier one had done",
    "complaints_reversed": "Decisions that reversed an earlier one",
    "complaints_unknown": "Decisions that replaced one that is not known",
    "suspensions": "Reporters whose reports were paused after a warning",
    "requests_routed": "Requests of authorities that were complete and not refused",
    "requests_incomplete": "Requests of authorities that lacked what the law requires",
    "requests_refused": "Requests of authorities that were refused",
    "order_items": "Messages, channels and accounts that requests of authorities named",
    "order_time_informed": "Median time from the receipt of a request until the authority was informed",
    "order_time_effected": "Median time from the receipt of a request until it was given effect",
}

# Metric, jurisdiction, category, source.
_Key = tuple[str, str, str, str]


def long_table(counters: Iterable[TransparencyCounter], period: Period) -> bytes:
    """Write the table as CSV (RFC 4180, UTF-8, LF): a row per metric, jurisdiction, category and source.

    Countries are ISO codes, XX if unknown. Times are in hours, and within 1 %. What does not occur has no
    row.
    """
    counts: Counter[_Key] = Counter()
    times: defaultdict[_Key, Counter[int]] = defaultdict(Counter)
    for counter in counters:
        for metric, source, number in _counts(counter):
            counts[metric, counter.country, counter.category, source] += number
        for metric, source, seconds, number in _times(counter):
            times[metric, counter.country, counter.category, source][seconds] += number
    rows = [(*key, "count", str(number)) for key, number in counts.items() if number]
    for key, histogram in times.items():
        seconds_median = median_time(histogram)
        if seconds_median is not None:
            rows.append((*key, "hours", f"{seconds_median / 3600:.4f}"))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for metric, *row in sorted(rows):
        writer.writerow((str(period), metric, *row, _DEFINITIONS[metric]))
    return text.getvalue().encode()


def _counts(counter: TransparencyCounter) -> Iterator[tuple[str, str, int]]:
    """Yield the metric, its source and the number of each count."""
    for report in counter.reports:
        source = f"{report.source}/{report.kind}"
        yield "reports", source, report.count
        if report.escalated:
            yield "reports_escalated", source, report.count
    for item in counter.items:
        yield "items", item.named_by, item.count
    for decision in counter.decisions:
        known = [
            name for name in ("notice", "trusted_flagger_notice", "detection") if getattr(decision, name)
        ]
        yield (
            f"decisions_{decision.decision}",
            f"{decision.ground}/{'+'.join(known) or 'none'}",
            decision.count,
        )
    for complaint in counter.complaints:
        yield f"complaints_{complaint.result}", complaint.about, complaint.count
    for suspension in counter.suspensions:
        yield "suspensions", suspension.because_of, suspension.count
    for request in counter.requests:
        yield f"requests_{request.decision}", f"{request.authority}/{request.kind}", request.count
    for order in counter.orders:
        if order.seconds is None:
            yield "order_items", order.kind, order.count


def _times(counter: TransparencyCounter) -> Iterator[tuple[str, str, int, int]]:
    for time in counter.action_times:
        yield "action_time", time.since, time.seconds, time.count
    for order in counter.orders:
        if order.seconds is not None:
            yield f"order_time_{order.step}", order.kind, order.seconds, order.count
