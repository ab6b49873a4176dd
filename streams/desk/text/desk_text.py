"""What desks decided and did, and what reporters are told, as text."""

import msgspec

from streams.contract.events.detector_feedback import DetectorFeedback
from streams.contract.events.moderation_outcome import (
    LawGround,
    MessageSubject,
    ModerationOutcome,
    OutcomeGround,
    OutcomeSubject,
    ReportSubject,
)
from streams.contract.events.reporter_notice import STANDING_NOTICE_TYPE, ReporterNotice, StandingNotice
from streams.contract.events.review_question import ReviewQuestion
from streams.contract.wire.envelope import CE_TYPE
from streams.contract.wire.forms.case_activity_decoding import decode_case_activity
from streams.contract.wire.forms.moderation_outcome_decoding import decode_moderation_outcome
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.records import SourceRecord

_STANDING = msgspec.json.Decoder(StandingNotice)
_FEEDBACK = msgspec.json.Decoder(DetectorFeedback)
_QUESTION = msgspec.json.Decoder(ReviewQuestion)
_NOTICE = msgspec.json.Decoder(ReporterNotice)


def moderation_text(outcome: ModerationOutcome) -> str:
    """What was decided and why, then about what and by whom, on two lines."""
    action = outcome.action
    done = () if action is None else filter(None, (action.visibility, action.account))
    measures = "".join(f", {measure}" for measure in done)
    drawn = "" if outcome.sampled is None else f", drawn with probability {outcome.sampled:g}"
    known = "" if outcome.known_answer is None else f", the answer is known: {outcome.known_answer}"
    second = outcome.confirmed_by
    confirmed = "" if second is None else f" and {second.ref} ({second.role})"
    version = outcome.holds_for_version
    holds = "" if version is None else f"; holds for version {version}"
    earlier = "" if outcome.supersedes is None else f", supersedes {outcome.supersedes}"
    return (
        f"{outcome.decision} {outcome.category}: {outcome.reason}, {_ground_text(outcome.ground)}{measures}"
        f"\n         {_subject_text(outcome.subject)}, channel {outcome.subject.channel_ref}, "
        f"by {outcome.reviewer.ref} ({outcome.reviewer.role}, {outcome.confidence}){confirmed}"
        f"{drawn}{earlier}{known}{holds}"
    )


def moderation_line(record: SourceRecord) -> str:
    """The text of an outcome of a desk. Raises Rejected."""
    outcome = decode_moderation_outcome(record.value, record.headers, record.timestamp).event
    return f"{outcome.decided_at:%H:%M:%S} {moderation_text(outcome)}"


def clock_outcome_line(record: SourceRecord) -> str:
    """The text of an outcome of a clock. Raises Rejected."""
    outcome = decode_clock_outcome(record.value, record.headers, record.timestamp).event
    reason = f": {outcome.reason}" if outcome.reason else ""
    key_name = "channel" if outcome.subject == "report" else "request"
    actor = f", by {outcome.actor}" if outcome.actor else ""
    return (
        f"{outcome.occurred_at:%H:%M:%S} {outcome.outcome}{reason}, clock {outcome.clock_id}"
        f"\n         {key_name} {outcome.key}{actor}"
    )


def activity_line(record: SourceRecord) -> str:
    """The text of an act on a case. Raises Rejected."""
    act = decode_case_activity(record.value, record.headers, record.timestamp).event
    note = "" if act.note is None else f": {act.note}"
    until = "" if act.until is None else f" until {act.until:%Y-%m-%d %H:%M %Z}"
    proposed = "" if act.proposed is None else f": {act.proposed.decision}, {act.proposed.reason}"
    answer = "" if act.proposed_answer is None else f": {act.proposed_answer.answer}"
    verdict = "" if act.conclusion is None else f": {act.conclusion.verdict}"
    case, channel = f"escalation {act.escalation_id}", f"channel {act.channel_ref}, "
    if act.request_id is not None:
        case, channel = f"request {act.request_id}", ""
    elif act.integrity_case_id is not None:
        case, channel = f"integrity case {act.integrity_case_id}", ""
    return (
        f"{act.at:%H:%M:%S} {act.kind}{note}{until}{proposed}{answer}{verdict}, {case}"
        f"\n         {channel}by {act.actor.ref} ({act.actor.role}), version {act.expected_version}"
    )


def feedback_line(record: SourceRecord) -> str:
    """The text of what became of a finding. Raises msgspec.DecodeError if the record holds something else."""
    told = _FEEDBACK.decode(record.value or b"")
    outcome, match, classifier = told.outcome, told.match, told.classifier
    if match is not None:
        source = " ".join(filter(None, ("list", match.list, match.signal, match.version)))
    else:
        source = "no name" if classifier is None else f"{classifier.name} {classifier.version}"
    found = "" if outcome.category == told.category else f" as {outcome.category}"
    return (
        f"{told.day} {told.state}, {_report_text(told.report_id, told.ce_source)}: "
        f"{outcome.decision}{found}, {outcome.reason or 'no reason'}\n"
        f"         {told.category} by {source}"
    )


def question_line(record: SourceRecord) -> str:
    """The text of a question to a desk. Raises msgspec.DecodeError if the record holds something else."""
    asked = _QUESTION.decode(record.value or b"")
    answer = f" {asked.answer} ({', '.join(asked.outcome_ids)})" if asked.answer else ""
    reports = "; ".join(
        f"{_report_text(report.report_id, report.ce_source)}, message {report.message_ref or '-'}"
        for report in asked.reports
    )
    return (
        f"{asked.at[11:19]} {asked.type}{answer}, due {asked.due_at[11:16]}, "
        f"{asked.policy} level {asked.level}, {asked.level_name}, channel {asked.channel_ref}\n"
        f"         question {asked.question_id}: {asked.sentence}\n"
        f"         {reports}"
    )


def notice_line(record: SourceRecord) -> str:
    """The text of a notice to a reporter. Raises msgspec.DecodeError if the record holds something else."""
    if dict(record.headers).get(CE_TYPE) == STANDING_NOTICE_TYPE.encode():
        standing = _STANDING.decode(record.value or b"")
        until = "" if standing.until is None else f" until {standing.until}"
        report = _report_text(standing.report_id, standing.ce_source)
        return (
            f"{standing.day} {standing.state}{until}, told by {report}\n"
            f"         {standing.reason}, terms {standing.rule}, can be contested until "
            f"{standing.contest_until}"
        )
    notice = _NOTICE.decode(record.value or b"")
    text = f"{notice.day} {notice.state}, {_report_text(notice.report_id, notice.ce_source)}"
    if (outcome := notice.outcome) is None:
        return text
    return (
        f"{text}\n         {outcome.decision}, {_ground_text(outcome.ground)}, "
        f"can be contested until {outcome.redress_until}"
    )


def _report_text(report_id: str, ce_source: str) -> str:
    return f"report {report_id} of {ce_source or 'no source'}"


def _ground_text(ground: OutcomeGround) -> str:
    if isinstance(ground, LawGround):
        return f"{ground.duty} in {ground.jurisdiction}"
    return f"terms {ground.rule}"


def _subject_text(subject: OutcomeSubject) -> str:
    if isinstance(subject, MessageSubject):
        return f"message {subject.message_ref}"
    if isinstance(subject, ReportSubject):
        return _report_text(subject.report_id, subject.ce_source)
    return f"escalation {subject.escalation_id}"
