"""Whether a report with a stamp adds its risk to its channel's counts: one reporter decides nothing by reporting again."""

from typing import Final

from streams.counting.counts import CHANNEL_COUNTS, ChannelCounts
from streams.counting.windows import FINE_MS
from streams.events.report import ReporterKind
from streams.reports.batch import ReportBatch
from streams.reports.case import Case
from streams.reports.rules import CategoryPlan
from streams.reports.voices import Heard

# Each of their reports is a finding of its own about one message, and only sources that the platform vouches for may use
# these kinds (sources.yaml). They count once per message.
_FINDERS: Final[frozenset[ReporterKind]] = frozenset({"automated", "trusted_flagger"})
# A pane that lies before every window.
_NEVER: Final = 0


def adds_risk(
    batch: ReportBatch,
    channel_key: bytes,
    plan: CategoryPlan,
    counts: ChannelCounts,
    case: Case,
    heard: Heard,
    reporter: int,
) -> bool:
    """Tell whether the risk of a report counts, and note it; call it before `counts` count the report.

    That of a reporter, by keyed hash, counts once in a channel within the longest window of the policies that judge the
    report, over all categories that they judge together. With `integrity: live` that of a further member of a cluster does
    not count at all.
    """
    who = case.report.reporter
    linked = batch.rules.registry.integrity == "live" and not heard.first_of_cluster
    if who is not None and who.kind in _FINDERS:
        return heard.first_about_message and not linked
    now = case.occurred // FINE_MS
    counted_at = _counted_at(batch, channel_key, plan, counts, reporter)
    if counted_at is not None and now - counted_at < plan.longest_window:
        counts.note_risk(reporter, counted_at)
        return False
    counts.note_risk(reporter, _NEVER if linked else None)
    return not linked


def _counted_at(
    batch: ReportBatch, channel_key: bytes, plan: CategoryPlan, counts: ChannelCounts, reporter: int
) -> int | None:
    """Return the pane in which the reporter's risk was last counted in any category judged together; None if unknown."""
    newest = counts.risk_counted_at(reporter)
    for suffix in plan.judged_together:
        entry = batch.state.counts.find(CHANNEL_COUNTS + channel_key + suffix)
        if entry is not None:
            at = entry.counts.risk_counted_at(reporter)
            if at is not None and (newest is None or at > newest):
                newest = at
    return newest
