"""Arming the clocks of a report, each with the event that opens its escalation."""

from streams.clocks.clock import Clock, clock_view, next_step_time, start_clock
from streams.clocks.store import ClockKey
from streams.counting.integrity import effective_reporters, integrity
from streams.events.escalation import Counts, Escalation, Integrity, Score, Trace, Window
from streams.events.report import MessageReport
from streams.law.duty import Duty, due_ms, escalated_duty
from streams.law.statement import statement
from streams.partition.legal_clocks import arm_clock, take_clock_step
from streams.registry.rules import LEGAL_CLOCK
from streams.reports.batch import ReportBatch
from streams.reports.case import Case
from streams.reports.clock_events import (
    LEVELS,
    clock_conditions,
    clock_id,
    clock_priority,
    publish_change,
    publish_opening,
)
from streams.reports.crowd import message_key
from streams.wire.envelope import rfc3339


def arm_clocks(batch: ReportBatch, case: Case) -> None:
    """Arm the clock and open the escalation of each duty of the report whose clock runs, whatever the counts.

    A clock starts when the platform received the report. A clock that is already open stays unchanged: the
    report is then a duplicate whose id is no longer remembered.
    """
    report = case.report
    now = batch.state.time.now
    for duty in case.law.duties:
        if duty.not_armed is not None:
            continue
        due = due_ms(duty.obligation, case.received, batch.rules.registry)
        channel = report.channel.ref
        key = ClockKey(channel, clock_id(duty.obligation.id, channel, case.ce_source, report.report_id))
        if due is None or batch.state.clocks.find(key) is not None:
            continue
        clock = start_clock(duty.obligation, case.received, due)
        opening = publish_opening(batch, key, _opening(batch, key, clock, duty, case))
        arm_clock(batch, key, clock, duty.obligation.id, opening)
        if report.message_ref is not None and (case.stamp is not None or batch.rules.through_reporters):
            listed = message_key(channel.encode(), key.clock_id)
            batch.state.crowd.list_messages(listed, (report.message_ref,), now)
        # A report may arrive so late that steps are already due: they are published with the current time.
        while (time := next_step_time(clock)) is not None and time <= now:
            take_clock_step(batch, key, now, publish_change)


def _opening(batch: ReportBatch, key: ClockKey, clock: Clock, duty: Duty, case: Case) -> Escalation:
    rules, now = batch.rules, batch.state.time.now
    report, law, origin = case.report, case.law, case.origin
    obligation = duty.obligation
    of_category = rules.registry.categories[report.category]
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
        channel_ref=key.ref,
        category=report.category,
        categories=(report.category,),
        dsa_category=of_category.dsa_category,
        dsa_keywords=of_category.dsa_keywords,
        window=Window(start=view.started_at, end=view.due_at),
        conditions=clock_conditions(clock, now),
        counts=counts,
        score=Score(value=case.risk.score, components={report.category: case.risk.score}),
        integrity=signs,
        message_refs=() if report.message_ref is None else (report.message_ref,),
        jurisdictions=law.jurisdictions,
        obligations=(escalated_duty(duty, rules.registry, clock.started),),
        routing=law.routing,
        rule_of_law=law.rule_of_law,
        statement=statement(
            report.kind,
            reporter,
            [place.code for place in law.jurisdictions],
            [each.obligation for each in law.duties],
            rules.registry.jurisdictions,
        ),
        clock=view,
        human_review_required=True,
        automated_means=True,
        policy_version=rules.registry.policy_version,
        registry_version=rules.registry.registry_version,
        trace=Trace(
            first_report_id=report.report_id,
            last_report_id=report.report_id,
            partition_offsets={f"{origin.topic}/{origin.partition}": origin.offset},
        ),
        priority=clock_priority(clock, now, case.risk.score),
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
