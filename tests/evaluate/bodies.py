"""Reports and outcomes as platforms and desks publish them."""

from typing import Any, Literal

from streams.contract.events.moderation_outcome import OutcomeDecision as Decision
from streams.contract.wire.envelope import rfc3339

_REASONS = {"upheld": "phishing", "dismissed": "not_a_violation", "manifestly_unfounded": "fabricated"}
_KINDS = {"automated": "automated_detection", "trusted_flagger": "trusted_flagger_notice"}


def report_body(
    report_id: str,
    at: int,
    channel: str,
    category: str,
    reporter: str | None,
    *,
    message: str | None = None,
    kind: str = "user",
    member: bool | None = None,
    age: str | None = None,
    score: float | None = None,
) -> dict[str, Any]:
    """Return a report; times are in ms. `age` is one of account_age, `score` that of a detector's classifier."""
    who: dict[str, Any] = {"kind": "anonymous"} if reporter is None else {"kind": kind, "ref": reporter}
    if member is not None:
        who["member"] = member
    if age is not None:
        who["account_age"] = age
    body: dict[str, Any] = {
        "report_id": report_id,
        "kind": _KINDS.get(kind, "user_report"),
        "occurred_at": rfc3339(at),
        "channel": {"ref": channel, "visibility": "public"},
        "category": category,
        "reporter": who,
    }
    if message is not None:
        body["message_ref"] = message
    if score is not None:
        body["classifier"] = {"name": "detector", "version": "1", "score": score}
    return body


def outcome_body(
    outcome_id: str,
    at: int,
    decision: Decision,
    channel: str,
    *,
    message: str | None = None,
    report: str | None = None,
    escalation: str | None = None,
    category: str = "fraud",
    reviewer: str,
    confidence: Literal["one_reviewer", "two_agree"] = "one_reviewer",
    reason: str | None = None,
    sampled: float | None = None,
) -> dict[str, Any]:
    """Return what a desk decided at `at` (ms) about a message, a report or an escalation of a channel."""
    subject: dict[str, Any] = {"channel_ref": channel}
    if message is not None:
        subject |= {"kind": "message", "message_ref": message}
    elif report is not None:
        subject |= {"kind": "report", "report_id": report}
    else:
        subject |= {"kind": "escalation", "escalation_id": escalation}
    body: dict[str, Any] = {
        "outcome_id": outcome_id,
        "subject": subject,
        "decision": decision,
        "category": category,
        "ground": {"kind": "terms", "rule": "rule-1"},
        "reason": reason or _REASONS[decision],
        "decided_at": rfc3339(at),
        "reviewer": {"ref": reviewer, "role": "desk"},
        "confidence": confidence,
    }
    if sampled is not None:
        body["sampled"] = sampled
    return body
