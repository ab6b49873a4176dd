"""What a stamped report adds to its channel's counts: a reporter decides nothing by repeating it."""

from typing import Final

import msgspec

from streams.contract.events.report import ReporterKind
from streams.counting.counts import CHANNEL_COUNTS, ChannelCounts
from streams.counting.windows import FINE_MS, window_start
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.rules import CategoryPlan
from streams.deciding.reports.voices import Contribution

# Each of their reports is a finding of its own about one message, and only sources that the platform vouches
# for may use these kinds (sources.yaml). They count once per message.
_FINDERS: Final[frozenset[ReporterKind]] = frozenset({"automated", "trusted_flagger"})
# The pane of a risk that did not count, because somebody who is linked to the reporter came first.
_NEVER: Final = 0


class Added(msgspec.Struct, frozen=True, gc=False):
    """Whether the report adds its `risk`, and a `voice` if its reporter stands alone.

    `doubtful`: a suspected brigade may have made it, and it carries no level above review then.
    """

    risk: bool
    voice: bool
    doubtful: bool


def what_it_adds(
    batch: ReportBatch,
    channel_key: bytes,
    plan: CategoryPlan,
    counts: ChannelCounts,
    case: Case,
    contribution: Contribution,
    reporter: int,
) -> Added:
    """Return what a report adds, and note it; call it before `counts` count the report.

    A reporter, by keyed hash, adds once to a channel within the longest window of the policies that judge the
    report, over all categories that they judge together: a late report adds nothing if its reporter has added
    since, because a window that ended may hold both. With `integrity: live` a further member of a cluster
    adds no risk, the next time neither.
    """
    live = batch.rules.registry.integrity == "live"
    who = case.report.reporter
    if who is not None and who.kind in _FINDERS:
        # Their accounts may be young, and need not be members: the platform vouches for them. One that is
        # held (deciding/reporters/watch.py) is counted, and adds no risk.
        first = contribution.first_about_message
        held = who.kind == "automated" and case.stamp is not None and not case.stamp.factor
        return Added(first and not held and not (live and contribution.linked), first, doubtful=False)
    doubtful = contribution.linked or contribution.stranger
    counted_at = _counted_at(batch, channel_key, plan, counts, reporter)
    if counted_at is not None:
        longest = plan.windows[-1]
        # Its own time: a late report is judged in the windows of the past that it is in.
        if counted_at >= window_start(longest.ring, longest.panes, case.occurred // FINE_MS):
            counts.note_risk(reporter, counted_at)
            return Added(risk=False, voice=False, doubtful=doubtful)
    # Who reports a message again may have been linked when it was the first time.
    silent = live and (contribution.linked if contribution.first_about_message else not counted_at)
    counts.note_risk(reporter, _NEVER if silent else None)
    return Added(not silent, voice=True, doubtful=doubtful or silent)


def _counted_at(
    batch: ReportBatch, channel_key: bytes, plan: CategoryPlan, counts: ChannelCounts, reporter: int
) -> int | None:
    """Return the pane in which the reporter last added risk in categories judged together, or None."""
    newest = counts.risk_counted_at(reporter)
    for suffix in plan.judged_together:
        entry = batch.state.counts.find(CHANNEL_COUNTS + channel_key + suffix)
        if entry is not None:
            at = entry.counts.risk_counted_at(reporter)
            if at is not None and (newest is None or at > newest):
                newest = at
    return newest
