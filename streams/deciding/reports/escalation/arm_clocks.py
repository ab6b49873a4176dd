"""Arming the clocks of a report, each with the event that opens its escalation."""

from msgspec import UNSET

from streams.contract.events.escalation import Escalation, Score, Window
from streams.contract.events.report import MessageReport
from streams.counting.sums import WindowCounts
from streams.deciding.clocks.clock import Clock, clock_view, marks_of, next_step_time, start_clock
from streams.deciding.clocks.store import ClockKey
from streams.deciding.law.duty import Duty, due_ms, escalated_duty
from streams.deciding.law.statement import statement
from streams.deciding.partition.legal_clocks import arm_clock, take_clock_step
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.crowd import message_key
from streams.deciding.reports.escalation.case_law import CaseLaw, causing_report
from streams.deciding.reports.escalation.clock_events import (
    LEVELS,
    clock_conditions,
    clock_id,
    clock_priority,
    publish_change,
    publish_opening,
)
from streams.deciding.reports.escalation.escalations import build_escalation
from streams.registry.policy import LEGAL_CLOCK


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
        if report.message_ref is not None:
            listed = message_key(channel.encode(), key.clock_id)
            batch.state.crowd.list_messages(listed, (report.message_ref,), now)
        # A report may arrive so late that steps are already due: they are published with the current time.
        while (time := next_step_time(clock)) is not None and time <= now:
            take_clock_step(batch, key, now, publish_change)


def _opening(batch: ReportBatch, key: ClockKey, clock: Clock, duty: Duty, case: Case) -> Escalation:
    rules, now = batch.rules, batch.state.time.now
    report, law = case.report, case.law
    obligation = duty.obligation
    view = clock_view(clock, key.clock_id, obligation.id, now, marks=marks_of(obligation))
    reporter = report.reporter
    known = CaseLaw(
        jurisdictions=law.jurisdictions,
        obligations=(escalated_duty(duty, rules.registry, clock.started),),
        routing=law.routing,
        rule_of_law=law.rule_of_law,
        statement=statement(
            report.kind,
            None if reporter is None else reporter.kind,
            [place.code for place in law.jurisdictions],
            [each.obligation for each in law.duties],
            rules.registry.jurisdictions,
        ),
    )
    return build_escalation(
        rules,
        causing_report(case),
        known,
        _of_one_report(report),
        escalation_id=key.clock_id,
        sequence=1,
        type="opened",
        reason="clock_armed",
        at=now,
        policy=LEGAL_CLOCK,
        policy_reason=f"{obligation.instrument}, {obligation.article}: {obligation.title}",
        mode="live",
        level=1,
        level_name=LEVELS[0][0],
        channel_ref=key.ref,
        categories=(report.category,),
        window=Window(start=view.started_at, end=view.due_at),
        conditions=clock_conditions(clock, now),
        score=Score(value=case.risk.score, components={report.category: case.risk.score}),
        message_refs=() if report.message_ref is None else (report.message_ref,),
        clock=view,
        first_report_id=report.report_id,
        priority=clock_priority(rules, clock, now, case.risk.score, report.category),
        channel_kind=UNSET if report.channel.kind == "channel" else report.channel.kind,
    )


def _of_one_report(report: MessageReport) -> WindowCounts:
    reporter = report.reporter
    counts = WindowCounts()
    ref = None if reporter is None or reporter.ref is None else 1
    counts.count("anonymous" if reporter is None else reporter.kind, ref, 0)
    counts.distinct_reporters = counts.reports - counts.without_ref
    return counts
