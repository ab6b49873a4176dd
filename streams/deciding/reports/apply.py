"""Applying one report: find its law and risk, count it, publish it enriched, and evaluate the policies."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from streams.contract.events.enriched_report import ENRICHED_REPORT_TYPE
from streams.contract.events.internal.findings import source_of
from streams.contract.events.internal.stamp import ReportStamp
from streams.contract.events.report import MessageReport
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.origin import Origin
from streams.contract.wire.reading import Decoded
from streams.contract.wire.records import OutputRecord, new_tuple
from streams.contract.wire.topics import ENRICHED_REPORTS, ESCALATIONS
from streams.counting.categories import CategoryShare
from streams.counting.coordination.arrivals import Arrivals
from streams.counting.counts import ChannelCounts
from streams.counting.held_counts import CHANNEL_COUNTS
from streams.counting.sums import WindowCounts
from streams.counting.windows import FINE_MS, RINGS, window_start
from streams.deciding.partition.daily_counters import Cell
from streams.deciding.partition.replay import ticks_headers
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.enrich import enriched_json
from streams.deciding.reports.escalation.arm_clocks import arm_clocks
from streams.deciding.reports.escalation.asking import asks, rise_or_ask
from streams.deciding.reports.escalation.episodes import (
    Episode,
    EpisodeKey,
    Open,
    level_reached,
    note_clear,
    rise,
)
from streams.deciding.reports.escalation.integrity import (
    find_coordination,
    level_held,
    open_brigade_case,
)
from streams.deciding.reports.escalation.late_windows import is_late, judge_ended
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.escalation.sampling import draw
from streams.deciding.reports.escalation.window_shares import policy_shares
from streams.deciding.reports.message_counts import count_message
from streams.deciding.reports.outcomes import note_reporter
from streams.deciding.reports.pausing import before_watched, note_watched
from streams.deciding.reports.rules import CategoryPlan, ReportRules
from streams.deciding.reports.state import ReportState
from streams.deciding.reports.trial.counting import count_report
from streams.deciding.reports.usual import add_what_is_usual, note_what_is_usual
from streams.deciding.reports.weighing import add_to_counts
from streams.deciding.reports.weightless import why_without_weight

# A partition that remembers less than this has so many reports that a source partition that was away for an
# hour brings thousands of them: honest ones, which must be judged in the windows of their own time. So what
# is late by less is counted, even if it may be a repeat.
_COUNTED_ANYWAY_MS: Final = RINGS[0].late * RINGS[0].pane_ms


def apply_report(
    batch: ReportBatch,
    channel_key: bytes,
    origin: Origin,
    decoded: Decoded[MessageReport],
    stamp: ReportStamp | None = None,
) -> None:
    """Apply a new report in its home partition, to whose time `batch` has advanced.

    `channel_key` is its channel's ref as bytes. `stamp` is that of the stage of reporters. A report without a
    reporter's ref has none, nor has one that a worker of version 0.2 re-keyed without that stage: its
    reporter and its message are not noted, as in that version. Raises Rejected, changing nothing, if it
    brings a channel or message that is one too many for its publisher.
    """
    report, ce_source, occurred = decoded
    state, rules = batch.state, batch.rules.of(report.channel.ref)
    law = rules.resolver.resolve(report)
    without_weight = why_without_weight(batch, channel_key, report, stamp)
    risk = rules.risk_model.score(report, 0.0 if without_weight else 1.0 if stamp is None else stamp.factor)
    who = report.reporter
    detected = stamp is not None and who is not None and who.kind == "automated"
    source = source_of(report) if detected else None
    known, message = None, report.message_ref
    if message is not None:
        known = state.crowd.find_reporters(message_key(channel_key, message))
    case = Case(report, ce_source, occurred, origin, law, risk, stamp, source, without_weight, known)
    plan = rules.plans[report.category]
    now = state.time.now

    key = CHANNEL_COUNTS + channel_key + plan.suffix
    entry = state.counts.find(key)
    if entry is None:
        state.newcomers.admit("channels", origin.topic, ce_source, now)
        entry = state.counts.new_entry()
    # A decision alone does not count: nothing in the logs says whether it was applied before a report.
    if message is not None and (known is None or not known.is_reported):
        state.newcomers.admit("messages", origin.topic, ce_source, now)
    counts = entry.counts
    # Its id would be forgotten if it had been applied when it occurred.
    possible_repeat = occurred <= state.recent.forgotten_until
    counted_at, arrivals = _count_or_note(
        batch, channel_key, plan, counts, case, is_old=possible_repeat and occurred < now - _COUNTED_ANYWAY_MS
    )
    counted = counted_at is not None
    if counted_at is not None:
        state.counts.counted(key, entry, counted_at)
        note_what_is_usual(state.crowd, channel_key, batch.rules, case, now)
    elif entry.expires is not None:
        state.counts.aged(key, entry)
    windows = [counts.measure(spec, now) for spec in plan.windows]

    if not batch.rules.cases_alone:
        found = None if arrivals is None else find_coordination(windows[-1].stamped, arrivals)
        finding = None if found is None else found.published
        value = enriched_json(
            rules,
            case,
            plan.windows,
            windows,
            counted=counted,
            possible_repeat=possible_repeat,
            finding=finding,
        )
        headers = event_headers(ENRICHED_REPORT_TYPE, report.report_id, occurred) + since_last_report(state)
        row = (ENRICHED_REPORTS, state.partition, channel_key, value, headers)
        batch.outputs.append(new_tuple(OutputRecord, row))
    written = len(batch.outputs)
    batch.count_applied(occurred)
    batch.counters.possible_repeats += possible_repeat
    if law.armed:
        arm_clocks(batch, case)
    if counted:
        judge_counted(batch, case, channel_key, rules, counts, windows, written)
    else:
        batch.counters.late += without_weight is None
        _count_for_day(batch, case, written, late=without_weight is None)


def since_last_report(state: ReportState) -> list[tuple[str, bytes]]:
    """Return the headers that say what was applied since the last report, for the next enriched one."""
    headers = list(ticks_headers(state.time.ticks))
    if state.decisions.after == state.time.applied:
        headers += state.decisions.headers()
    return headers


def judge_counted(
    batch: ReportBatch,
    case: Case,
    channel_key: bytes,
    rules: ReportRules,
    counts: ChannelCounts,
    windows: list[WindowCounts],
    written: int,
) -> None:
    """Evaluate the policies for a report that `counts` include, and count it for the day.

    `windows` are the counts of the plan's windows, `written` is the number of outputs up to the enriched
    report. A candidate in shadow comes last: nothing of it counts for the day.
    """
    waiting = len(batch.state.budgets)
    category = case.report.category
    whole = _decide(batch, case, channel_key, rules, counts, windows)
    draw(batch, channel_key, rules, case)
    batch.counters.judged_out_of_window += not whole
    _count_for_day(batch, case, written, late=False, waits=len(batch.state.budgets) > waiting)
    trial = batch.rules.trial
    if trial is None:
        return
    if not trial.share:
        known = dict(zip(rules.plans[category].windows, windows, strict=True))
        now = batch.state.time.now
        wanted = trial.rules.plans[category].windows
        windows = [known[spec] if spec in known else counts.measure(spec, now) for spec in wanted]
        _decide(batch, case, channel_key, trial.rules, counts, windows)
    count_report(batch, trial, rules, category)


def _count_for_day(batch: ReportBatch, case: Case, written: int, *, late: bool, waits: bool = False) -> None:
    state, report = batch.state, case.report
    cell = daily_cell(report, batch.outputs[written:], late=late, waits=waits)
    state.daily.count(state.time.now, case.law.jurisdictions[0].code, report.category, cell)


def _count_or_note(
    batch: ReportBatch,
    channel_key: bytes,
    plan: CategoryPlan,
    counts: ChannelCounts,
    case: Case,
    *,
    is_old: bool,
) -> tuple[int | None, Arrivals | None]:
    """Count a report, or only note who reported it if it has no weight or `is_old`.

    Returns the time (ms) as of which it is counted, None if it is not, and its channel's arrivals as
    `add_to_counts`.

    In a floor category a person looks at a report whoever sends it, whatever was decided before, and however
    late it is: one that is outside of the windows of now is one report of now too. Whether one that ended is
    judged for it depends on what else the channel has.
    """
    now = batch.state.time.now
    outside = plan.floor and _is_outside(plan, case, now)
    counted_at, arrivals = None, None
    if case.without_weight is None and not is_old:
        before = None
        if case.stamp is not None and case.stamp.watched:
            before = before_watched(batch, channel_key, counts, case)
        counted, arrivals = add_to_counts(batch, channel_key, plan, counts, case)
        if counted:
            counted_at = case.occurred
            if before is not None:
                note_watched(batch, channel_key, counts, case, before)
        if not outside:
            return counted_at, arrivals
    else:
        _note(batch, channel_key, case)
        if case.without_weight is not None:
            batch.counters.without_weight[case.without_weight] += 1
        if not plan.floor or (is_old and _has_case(batch, plan, case)):
            return None, None
    at = now if outside else case.occurred
    return at if counts.add_for_review(at, now, case.law.protection) else counted_at, arrivals


def _has_case(batch: ReportBatch, plan: CategoryPlan, case: Case) -> bool:
    """Return whether people have a case of a channel: a report that may be a repeat must not raise it."""
    episodes = batch.state.episodes.get(case.report.channel.ref, {})
    return any(policy.key in episodes for policy, _ in plan.policies if policy.policy.mode == "live")


def _is_outside(plan: CategoryPlan, case: Case, now: int) -> bool:
    """Return whether a report is in the window of now of no live policy, though there are some."""
    fine, fine_now = case.occurred // FINE_MS, now // FINE_MS
    live = plan.live_windows
    return bool(live) and all(fine < window_start(spec.ring, spec.panes, fine_now) for spec in live)


def _note(batch: ReportBatch, channel_key: bytes, case: Case) -> None:
    """Note who reported a message, which is the same however often it is done, and count nothing else."""
    known_as = case.known_as
    if known_as is None:
        count_message(batch, channel_key, case)
    elif case.stamp is not None:
        note_reporter(batch, channel_key, case, batch.state.reporter_keys.reporter_hash(known_as))


def _decide(
    batch: ReportBatch,
    case: Case,
    channel_key: bytes,
    rules: ReportRules,
    counts: ChannelCounts,
    windows: list[WindowCounts],
) -> bool:
    """Evaluate each policy that the rules have for the report's category; `windows` are those of their plan.

    On the channel's current counts, and, if the report is late, on those of the windows that ended before;
    return whether none of these was left out.
    """
    state = batch.state
    now = state.time.now
    channel = case.report.channel.ref
    episodes = state.episodes.get(channel, {})
    whole = True
    kind = case.report.channel.kind
    for policy, window in rules.plans[case.report.category].policies:
        if policy.policy.channel_kind not in (None, kind):
            continue
        episode = episodes.get(policy.key)
        judged = _judge(batch, case, channel_key, rules, policy, counts, windows[window], episode)
        if judged is None:
            continue
        whole &= judged.whole
        level = unsuspected = judged.level
        shares = judged.shares
        finding = None
        if level and rules.registry.integrity == "live":
            shares = shares or [CategoryShare(case.report.category, counts, windows[window])]
            unsuspected, finding = level_held(batch, channel_key, policy, level, shares, judged.end)
            if not asks(rules.registry, policy):
                level = unsuspected
        if rise(episode, level) is not None:
            shares = shares or [CategoryShare(case.report.category, counts, windows[window])]
            key = EpisodeKey(channel, *policy.key)
            rise_or_ask(
                batch,
                key,
                policy,
                level,
                shares,
                case,
                judged.end,
                clear=judged.clear,
                unsuspected=unsuspected,
            )
        elif isinstance(episode, Open) and (episode.clear_since is not None) != judged.clear:
            note_clear(episode, now, clear=judged.clear)
            state.put_episode(EpisodeKey(channel, *policy.key), episode, policy.timing, now)
        if finding is not None:
            open_brigade_case(batch, EpisodeKey(channel, *policy.key), policy, finding)
    return whole


class _Judged(msgspec.Struct, frozen=True, gc=False):
    """The highest level, in the window that ends with the pane of `end` (ms); whether that of now is clear.

    `shares`: None if they are those of the report's category now. `whole`: no window was left out.
    """

    level: int
    clear: bool
    shares: Sequence[CategoryShare] | None
    end: int
    whole: bool


def _judge(
    batch: ReportBatch,
    case: Case,
    channel_key: bytes,
    rules: ReportRules,
    policy: CompiledPolicy,
    counts: ChannelCounts,
    current: WindowCounts,
    episode: Episode | None,
) -> _Judged | None:
    """Judge a policy; None if nothing can follow.

    `counts` are those of the report's category, `current` those of its window now.
    """
    state = batch.state
    now = state.time.now
    ended = None
    # Only then one of them can have ended: that of the finest pane.
    if case.occurred // FINE_MS < now // FINE_MS and is_late(policy, case.occurred, now):
        known = 0 if episode is None else level_reached(episode)
        held = None
        if rules.registry.integrity == "live":
            # A suspected brigade becomes a case even if its window raises nothing: all levels are looked for.
            known, held = 0, partial(level_held, batch, channel_key, policy)
        own = case.report.category, counts
        ended = judge_ended(state, channel_key, policy, case.occurred, now, own, known, held)
    shares = None
    if policy.single_category:
        if (
            (ended is None or (not ended.level and ended.whole))
            and episode is None
            and current.reports < policy.least_reports
        ):
            # By far the most frequent case: too few reports for any level, and no episode that could become
            # clear.
            return None
        add_what_is_usual(state.crowd, channel_key, policy, [current], now)
        verdict = policy.judge(current)
    else:
        shares = policy_shares(state, channel_key, policy, now)
        verdict = policy.judge_shares(shares, now)
    if ended is not None and ended.level:
        level = verdict.level
        if held is not None and level:
            level = held(level, shares or [CategoryShare(case.report.category, counts, current)], now).level
        if ended.level > level:
            return _Judged(ended.level, verdict.clear, ended.shares, ended.end, ended.whole)
    return _Judged(verdict.level, verdict.clear, shares, now, ended is None or ended.whole)


def daily_cell(
    report: MessageReport, led_to: Sequence[OutputRecord], *, late: bool, waits: bool = False
) -> Cell:
    """Return the daily counter that counts the report (see events.transparency.ReportCount).

    `led_to` are its outputs other than the enriched report: with a live escalation among them it counts as
    escalated, and if one `waits` for the budget of its policy.
    """
    source = "anonymous" if report.reporter is None else report.reporter.kind
    return (
        source,
        report.kind,
        source == "automated" or report.kind == "automated_detection",
        late,
        waits or (bool(led_to) and any(record[0] == ESCALATIONS for record in led_to)),
    )
