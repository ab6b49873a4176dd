"""What a report adds to its channel's counts: nobody decides anything by repeating it.

Nor does a crowd whose members nothing tells apart.
"""

from typing import Final

import msgspec

from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.report import REPORTER_KINDS, ReporterKind
from streams.counting.coordination.arrivals import Arrivals
from streams.counting.counts import ChannelCounts
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.counting.sums import NO_DOUBT, NOT_SCATTERED, WHOLE, Doubtful, Scattered, StampedSums
from streams.counting.windows import FINE_MS, window_start
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.message_counts import count_message
from streams.deciding.reports.rules import CategoryPlan
from streams.deciding.reports.voices import NOTHING_ADDED, Contribution, add_to_clusters

# Each of their reports is a finding of its own about one message, and only sources that the platform vouches
# for may use these kinds (sources.yaml). They count once per message.
_FINDERS: Final[frozenset[ReporterKind]] = frozenset({"automated", "trusted_flagger"})
# Of whom those without a ref are one crowd.
CROWD_KINDS: Final = frozenset(REPORTER_KINDS) - _FINDERS
# So many channels anybody may report in a week. Of who reports more, each report counts in a desk's order as
# one of so many shares of a person: the hundred fakes of one account are together no more than these.
FEW_CHANNELS: Final = 5
# The pane of a risk that did not count, because somebody who is linked to the reporter came first.
_NEVER: Final = 0


class _Added(msgspec.Struct, frozen=True, gc=False):
    """Whether the report adds its `risk`, and a `voice` if its reporter stands alone.

    `doubtful`: a suspected brigade may have made it, and it carries no level above review then.
    """

    risk: bool
    voice: bool
    doubtful: bool


def add_to_counts(
    batch: ReportBatch, channel_key: bytes, plan: CategoryPlan, counts: ChannelCounts, case: Case
) -> tuple[bool, Arrivals | None]:
    """Count a report; return whether a pane held its time, and its channel's arrivals if it has a stamp."""
    state, rules, report = batch.state, batch.rules, case.report
    reporter = report.reporter
    kind = "anonymous" if reporter is None else reporter.kind
    risk = rules.risk_model.millionths(case.risk)
    hashed = arrivals = beside = None
    known_as = case.known_as
    if known_as is not None:
        keys = state.reporter_keys
        hashed = keys.reporter_hash(known_as)
        if keys.earlier:
            keys.move_over(state.counts, channel_key, rules.suffixes, known_as, hashed)
        if case.stamp is not None:
            contribution = add_to_clusters(batch, channel_key, case, case.stamp, hashed)
            adds = _what_it_adds(batch, channel_key, plan, counts, case, contribution, hashed)
            risk = risk if adds.risk else 0
            beside = StampedSums(
                1,
                contribution.added if adds.voice or contribution.linked else NOTHING_ADDED,
                Doubtful(1, int(adds.voice), risk, int(kind == "anonymous")) if adds.doubtful else NO_DOUBT,
                scattered=_scattered(case.stamp, adds, risk) if kind in CROWD_KINDS else NOT_SCATTERED,
                proven=contribution.proven,
            )
            arrivals = contribution.arrivals
    else:
        if kind in CROWD_KINDS:
            # Nothing tells those of a channel apart: a window has the risk of the one that weighs most.
            beside, risk = StampedSums(unnamed=risk), 0
        count_message(batch, channel_key, case)
    counted = counts.add(
        case.occurred, state.time.now, kind, hashed, risk, report.message_ref, case.law.protection
    )
    if counted and beside is not None:
        counts.add_stamped(case.occurred, beside)
    return counted, arrivals


def _what_it_adds(
    batch: ReportBatch,
    channel_key: bytes,
    plan: CategoryPlan,
    counts: ChannelCounts,
    case: Case,
    contribution: Contribution,
    reporter: int,
) -> _Added:
    """Return what a report adds, and note it; call it before `counts` count the report.

    A reporter, by keyed hash, adds once to a channel within the longest window of the policies that judge the
    report, over all categories that they judge together: a late report adds nothing if its reporter has added
    since, because a window that ended may hold both. With `integrity: live` a further member of a cluster
    adds no risk, the next time neither.
    """
    registry = batch.rules.of(case.report.channel.ref).registry
    # Where a desk is asked about a suspected brigade, it hears of all of it.
    live = registry.integrity == "live" and (not registry.asks or plan.floor)
    who = case.report.reporter
    if who is not None and who.kind in _FINDERS:
        # Their accounts may be young, and need not be members: the platform vouches for them. A source that
        # is held (deciding/reporters/watch.py) is counted all the same, and not relied on.
        held = who.kind == "automated" and case.stamp is not None and not case.stamp.factor
        # What names no message may be about any.
        first = contribution.first_about_message or case.report.message_ref is None
        silent = held or (live and contribution.linked)
        return _Added(first and not silent, first, doubtful=held)
    doubtful = contribution.linked or contribution.stranger
    counted_at = _counted_at(batch, channel_key, plan, counts, reporter)
    if counted_at is not None:
        longest = plan.windows[-1]
        # Its own time: a late report is judged in the windows of the past that it is in.
        if counted_at >= window_start(longest.ring, longest.panes, case.occurred // FINE_MS):
            counts.note_risk(reporter, counted_at)
            return _Added(risk=False, voice=False, doubtful=doubtful)
    # Who reports a message again may have been linked when it was the first time.
    silent = live and (contribution.linked if contribution.first_about_message else not counted_at)
    counts.note_risk(reporter, _NEVER if silent else None)
    return _Added(not silent, voice=True, doubtful=doubtful or silent)


def _scattered(stamp: ReportStamp, adds: _Added, risk: int) -> Scattered:
    """Return what is missing of a reporter who is a stranger and has named many channels this week."""
    if stamp.channels <= FEW_CHANNELS or stamp.reporter_class != "low":
        return NOT_SCATTERED
    missing = WHOLE - WHOLE * FEW_CHANNELS // stamp.channels
    return Scattered(missing if adds.voice else 0, risk * missing // WHOLE)


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
