"""Counting items and decisions of messages for transparency reports."""

from collections.abc import Mapping, Sequence
from typing import get_args

from streams.contract.events.moderation_outcome import LawGround, ModerationOutcome, ReportSubject
from streams.contract.events.transparency import NoticeSource
from streams.counting.attribution import MessageReporters
from streams.counting.message_facts import DecidedMessage, MessageFacts
from streams.counting.notices import REPORT_ROLES
from streams.deciding.partition.daily_counters import Cell
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.crowd import message_key

# Countries that no report and no law names.
_UNKNOWN_COUNTRY = "XX"

_ITEMS: Mapping[NoticeSource, Cell] = {named_by: ("items", named_by) for named_by in get_args(NoticeSource)}


def count_message(batch: ReportBatch, channel_key: bytes, case: Case) -> None:
    """Count what a report, which names no reporter, changes for its message."""
    message = case.report.message_ref
    if message is None:
        return
    record = case.message or batch.state.crowd.reporters.new_record()
    if count_report(batch, record, case, case.received):
        batch.state.crowd.put_reporters(message_key(channel_key, message), record, batch.state.time.now)


def count_report(batch: ReportBatch, record: MessageReporters, case: Case, received_ms: int) -> bool:
    """Count what a report changes for its message; return whether the record of the message has changed."""
    reporter = case.report.reporter
    role = REPORT_ROLES[case.report.kind, "anonymous" if reporter is None else reporter.kind]
    if role is None:
        return False
    country = case.law.jurisdictions[0].code
    new = record.add_to_facts(role, received_ms // 1000, country, case.report.category)
    if new is None:
        return False
    count_items(batch, case, new)
    if record.has_decisions_counted:
        _count_changes(batch, record.facts_to_change())
    return True


def count_items(batch: ReportBatch, case: Case, new: Sequence[NoticeSource]) -> None:
    """Count a message as a new item of these kinds in the country and category of a report."""
    state = batch.state
    for named_by in new:
        country = case.law.jurisdictions[0].code
        state.daily.count(state.time.now, country, case.report.category, _ITEMS[named_by])


def count_outcome(
    batch: ReportBatch, record: MessageReporters, outcome: ModerationOutcome, decided_s: int, *, leads: bool
) -> None:
    """Count what an outcome changes for a message; `leads`: the first message of its subject."""
    ground, action = outcome.ground, outcome.action
    facts = record.facts_to_change()
    facts.add_decision(
        DecidedMessage(
            decided_s,
            outcome.outcome_id,
            outcome.decision,
            "law" if isinstance(ground, LawGround) else "terms",
            ground.jurisdiction if isinstance(ground, LawGround) else _UNKNOWN_COUNTRY,
            outcome.category,
            None if action is None else action.visibility,
            None if action is None else action.account,
            outcome.supersedes,
            single=isinstance(outcome.subject, ReportSubject),
            leads=leads,
        )
    )
    _count_changes(batch, facts)


def _count_changes(batch: ReportBatch, facts: MessageFacts) -> None:
    state = batch.state
    now = state.time.now
    for counted, number in facts.changes():
        state.daily.count_for(counted.day, now, counted.country, counted.category, counted.cell, number)
