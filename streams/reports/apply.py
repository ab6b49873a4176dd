"""Applying one report: count it, publish it with what was found out, and decide what it means for the channel."""

from xxhash import xxh3_64_intdigest

from streams.counting.channel_windows import CHANNEL_COUNTS, Part, judge, parts_of
from streams.counting.counts import ChannelCounts, Measures
from streams.counting.store import CountEntry
from streams.events.enriched_report import ENRICHED_REPORT_TYPE
from streams.events.report import MessageReport
from streams.law.resolution import Resolved
from streams.partition.batch import Outcome
from streams.partition.due import EpisodeKey
from streams.partition.replay import TICKS_HEADER
from streams.reports.case_law import cause_of
from streams.reports.clock_arming import arm_clocks
from streams.reports.daily_counters import count_report
from streams.reports.enrich import enriched_json, received_ms
from streams.reports.episodes import Open, note_clear, rise
from streams.reports.rules import CategoryPlan, CompiledRules
from streams.reports.state import PartitionState
from streams.reports.transitions import advance, open_or_raise
from streams.wire.envelope import event_headers
from streams.wire.origin import Origin
from streams.wire.records import OutputRecord
from streams.wire.report_decoding import DecodedReport
from streams.wire.topics import ENRICHED_REPORTS

_new_tuple = tuple.__new__


def apply_report(
    state: PartitionState,
    rules: CompiledRules,
    channel_key: bytes,
    origin: Origin,
    decoded: DecodedReport,
    outcome: Outcome,
) -> None:
    """Apply a report that is at home here and was not applied before; see the package's other modules for each step."""
    report = decoded.report
    occurred = decoded.occurred_ms
    time = max(state.now, occurred)
    state.note_append_time(time, origin.timestamp)
    advance(state, rules, time, outcome)
    resolved = rules.resolver.resolve(report)
    risk = rules.risk_model.score(report)
    plan = rules.plans[report.category]

    key = CHANNEL_COUNTS + channel_key + plan.suffix
    entry = state.counts.find(key)
    if entry is None:
        entry = CountEntry(ChannelCounts(), None)
    counts = entry.counts
    counted = _count(
        counts, report, occurred, state.now, rules.risk_model.millionths(risk), resolved.protection
    )
    if counted:
        state.counts.counted(key, entry, occurred)
    elif entry.expires is not None:
        state.counts.aged(key, entry)
    measured = [counts.measure(spec, state.now) for spec in plan.windows]

    headers = event_headers(ENRICHED_REPORT_TYPE, report.report_id, occurred)
    if state.ticks:
        headers.append((TICKS_HEADER, b"%d" % state.ticks))
        state.ticks = 0
    value = enriched_json(
        rules, report, occurred, origin, resolved, risk, plan.windows, measured, counted=counted
    )
    # A quarter of the price of the named tuple's own constructor.
    row = (ENRICHED_REPORTS, state.partition, channel_key, value, headers)
    outcome.outputs.append(_new_tuple(OutputRecord, row))
    written = len(outcome.outputs)
    state.applied += 1
    outcome.counters["applied"] += 1
    outcome.event_times.append(occurred)
    if resolved.armed:
        arm_clocks(state, rules, origin, decoded, resolved, risk, outcome)
    if counted:
        _decide(state, rules, channel_key, origin, decoded, resolved, plan, counts, measured, outcome)
    else:
        outcome.counters["late"] += 1
    count_report(
        state.transparency,
        state.now,
        report,
        resolved.jurisdictions[0].code,
        outcome.outputs[written:],
        late=not counted,
    )


def _count(
    counts: ChannelCounts, report: MessageReport, occurred: int, now: int, risk: int, tier: int
) -> bool:
    reporter = report.reporter
    if reporter is None:
        return counts.add(occurred, now, "anonymous", None, risk, report.message_ref, tier)
    hashed = None if reporter.ref is None else xxh3_64_intdigest(reporter.ref.encode())
    return counts.add(occurred, now, reporter.kind, hashed, risk, report.message_ref, tier)


def _decide(
    state: PartitionState,
    rules: CompiledRules,
    channel_key: bytes,
    origin: Origin,
    decoded: DecodedReport,
    resolved: Resolved,
    plan: CategoryPlan,
    counts: ChannelCounts,
    measured: list[Measures],
    outcome: Outcome,
) -> None:
    """Let each policy of the report's category see the channel as it now is."""
    report = decoded.report
    channel = report.channel.ref
    of_channel = state.episodes.get(channel, {})
    cause = None
    for policy, window in plan.policies:
        episode = of_channel.get(policy.key)
        if policy.single_category:
            measures = measured[window]
            if episode is None and measures.reports < policy.least_reports:
                # The usual case by far: too few reports for any level, and nothing there that could become clear.
                continue
            verdict = policy.judge(measures)
            parts = None
        else:
            parts = parts_of(state.counts, channel_key, policy.policy.categories, policy.spec, state.now)
            verdict = judge(policy, parts, state.now)
        if rise(episode, verdict.level) is None:
            if isinstance(episode, Open) and note_clear(episode, state.now, clear=verdict.clear):
                state.put_episode(EpisodeKey(channel, *policy.key), episode, policy.timing, state.now)
            continue
        cause = cause or cause_of(report, received_ms(report, decoded.occurred_ms), origin, resolved)
        parts = parts or [Part(report.category, counts, measured[window])]
        key = EpisodeKey(channel, *policy.key)
        open_or_raise(state, rules, key, policy, verdict.level, parts, cause, decoded.ce_source, outcome)
