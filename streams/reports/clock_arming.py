"""Arming the clocks of a report: what the first event of each says."""

from streams.clocks.clock import Clock, clock_view, start_clock
from streams.counting.integrity import effective_reporters, integrity
from streams.events.enriched_report import Risk
from streams.events.escalation import Counts, Escalation, Integrity, Score, Trace, Window
from streams.events.report import MessageReport
from streams.law.duty import Duty, due_ms, escalated
from streams.law.resolution import Resolved
from streams.law.statement import statement
from streams.partition.batch import Outcome
from streams.partition.due import ClockKey
from streams.registry.rules import LEGAL_CLOCK
from streams.reports.clock_events import LEVELS, clock_conditions, clock_id, keep_armed
from streams.reports.enrich import received_ms
from streams.reports.rules import MILLION, CompiledRules
from streams.reports.state import PartitionState
from streams.wire.envelope import rfc3339
from streams.wire.origin import Origin
from streams.wire.report_decoding import DecodedReport


def arm_clocks(
    state: PartitionState,
    rules: CompiledRules,
    origin: Origin,
    decoded: DecodedReport,
    resolved: Resolved,
    risk: Risk,
    outcome: Outcome,
) -> None:
    """Open an escalation for each duty of the report that a clock runs for, whatever the counts are.

    A clock starts when the platform received the report. One that is open already, from a report that was forgotten as
    a duplicate, is left as it is.
    """
    report = decoded.report
    started = received_ms(report, decoded.occurred_ms)
    for duty in resolved.duties:
        if duty.not_armed is not None:
            continue
        due = due_ms(duty.obligation, started, rules.rules)
        channel = report.channel.ref
        key = ClockKey(channel, clock_id(duty.obligation.id, channel, decoded.ce_source, report.report_id))
        if due is None or state.clocks.find(key) is not None:
            continue
        clock = start_clock(duty.obligation, started, due)
        opening = _opening(state.now, rules, key, clock, duty, origin, report, resolved, risk)
        keep_armed(state, key, clock, opening, outcome)


def _opening(
    now: int,
    rules: CompiledRules,
    key: ClockKey,
    clock: Clock,
    duty: Duty,
    origin: Origin,
    report: MessageReport,
    resolved: Resolved,
    risk: Risk,
) -> Escalation:
    obligation = duty.obligation
    of_category = rules.rules.categories[report.category]
    score = rules.risk_model.millionths(risk) / MILLION
    counts, signs = _of_one_report(report)
    view = clock_view(clock, key.clock_id, obligation.id, now)
    reporter = None if report.reporter is None else report.reporter.kind
    return Escalation(
        escalation_id=key.clock_id,
        sequence=1,
        type="opened",
        reason="clock_armed",
        status="open",
        at=rfc3339(now),
        policy=LEGAL_CLOCK,
        policy_reason=f"{obligation.instrument}, {obligation.article}: {obligation.title}",
        mode="live",
        level=1,
        level_name=LEVELS[0][0],
        channel_ref=key.channel,
        category=report.category,
        categories=(report.category,),
        dsa_category=of_category.dsa_category,
        dsa_keywords=of_category.dsa_keywords,
        window=Window(start=view.started_at, end=view.due_at),
        conditions=clock_conditions(clock, now),
        counts=counts,
        score=Score(value=score, components={report.category: score}),
        integrity=signs,
        message_refs=() if report.message_ref is None else (report.message_ref,),
        jurisdictions=resolved.jurisdictions,
        obligations=(escalated(duty, rules.rules, clock.started),),
        routing=resolved.routing,
        rule_of_law=resolved.rule_of_law,
        statement=statement(
            report.kind,
            reporter,
            [place.code for place in resolved.jurisdictions],
            [each.obligation for each in resolved.duties],
            rules.rules.jurisdictions,
        ),
        clock=view,
        human_review_required=True,
        automated_means=True,
        policy_version=rules.rules.policy_version,
        registry_version=rules.rules.registry_version,
        trace=Trace(
            first_report_id=report.report_id,
            last_report_id=report.report_id,
            partition_offsets={f"{origin.topic}/{origin.partition}": origin.offset},
        ),
    )


def _of_one_report(report: MessageReport) -> tuple[Counts, Integrity]:
    reporter = report.reporter
    kind = "anonymous" if reporter is None else reporter.kind
    distinct = int(reporter is not None and reporter.ref is not None)
    counts = Counts(
        reports=1,
        distinct_reporters=distinct,
        n_eff=effective_reporters(1, distinct, 1 - distinct),
        trusted_flaggers=int(kind == "trusted_flagger"),
        automated=int(kind == "automated"),
        state_actors=int(kind == "state_actor"),
    )
    return counts, integrity(1, distinct, 1 - distinct, int(kind == "anonymous"))
