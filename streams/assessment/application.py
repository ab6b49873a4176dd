"""Applying one report: count it, publish it with what was found out, and decide what it means for the channel."""

from xxhash import xxh3_64_intdigest

from streams.assessment.count_store import CountEntry
from streams.assessment.counts import ChannelCounts, Measures
from streams.assessment.due import EpisodeKey
from streams.assessment.enrichment import channel_window, public_report
from streams.assessment.episodes import Cause, Open, note_clear, rise
from streams.assessment.findings import CHANNEL_COUNTS, Part, judge, parts_of
from streams.assessment.jurisdiction import Located
from streams.assessment.outcome import Outcome
from streams.assessment.partition_state import PartitionState
from streams.assessment.policies import CategoryPlan, CompiledRules
from streams.assessment.replay import TICKS_HEADER
from streams.assessment.transitions import advance, open_or_raise
from streams.events.decoding import DecodedReport
from streams.events.encoding import encode
from streams.events.enriched_report import ENRICHED_REPORT_TYPE, EnrichedReport, Source
from streams.events.envelope import event_headers
from streams.events.origin import Origin
from streams.events.record import OutputRecord
from streams.events.report import MessageReport

ENRICHED_REPORTS = "enriched-reports"

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
    advance(state, rules, max(state.now, occurred), outcome)
    located = rules.locator.locate(report)
    risk = rules.risk_model.score(report)
    plan = rules.plans[report.category]

    key = CHANNEL_COUNTS + channel_key + plan.suffix
    entry = state.counts.find(key)
    if entry is None:
        entry = CountEntry(ChannelCounts(), None)
    counts = entry.counts
    counted = _count(counts, report, occurred, state.now, rules.risk_model.millionths(risk))
    if counted:
        state.counts.counted(key, entry, occurred)
    elif entry.expires is not None:
        state.counts.aged(key, entry)
    measured = [counts.measure(spec, state.now) for spec in plan.windows]

    headers = event_headers(ENRICHED_REPORT_TYPE, report.report_id, occurred)
    if state.ticks:
        headers.append((TICKS_HEADER, b"%d" % state.ticks))
        state.ticks = 0
    enriched = EnrichedReport(
        public_report(report),
        located.jurisdictions,
        located.obligation_ids,
        risk,
        tuple(map(channel_window, plan.windows, measured)),
        counted,
        None if counted else "late",
        rules.rules.policy_version,
        rules.rules.registry_version,
        Source(origin.topic, origin.partition, origin.offset),
    )
    # A quarter of the price of the named tuple's own constructor.
    row = (ENRICHED_REPORTS, state.partition, channel_key, encode(enriched), headers)
    outcome.outputs.append(_new_tuple(OutputRecord, row))
    state.applied += 1
    state.newest_append = max(state.newest_append, origin.timestamp)
    outcome.counters["applied"] += 1
    outcome.event_times.append(occurred)
    if counted:
        _decide(state, rules, channel_key, origin, decoded, located, plan, counts, measured, outcome)
    else:
        outcome.counters["late"] += 1


def _count(counts: ChannelCounts, report: MessageReport, occurred: int, now: int, risk: int) -> bool:
    reporter = report.reporter
    if reporter is None:
        return counts.add(occurred, now, "anonymous", None, risk, report.message_ref)
    hashed = None if reporter.ref is None else xxh3_64_intdigest(reporter.ref.encode())
    return counts.add(occurred, now, reporter.kind, hashed, risk, report.message_ref)


def _decide(
    state: PartitionState,
    rules: CompiledRules,
    channel_key: bytes,
    origin: Origin,
    decoded: DecodedReport,
    located: Located,
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
        cause = cause or _cause(report, origin, located)
        parts = parts or [Part(report.category, counts, measured[window])]
        key = EpisodeKey(channel, *policy.key)
        open_or_raise(state, rules, key, policy, verdict.level, parts, cause, decoded.ce_source, outcome)


def _cause(report: MessageReport, origin: Origin, located: Located) -> Cause:
    return Cause(
        report.report_id,
        report.category,
        origin.topic,
        origin.partition,
        origin.offset,
        tuple((place.code, place.confidence, place.basis) for place in located.jurisdictions),
        located.obligation_ids,
        located.tier,
    )
