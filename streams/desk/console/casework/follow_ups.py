"""What follows from a decision: the outcome on `moderation-outcomes`, and those of its clocks."""

from collections.abc import Iterator
from typing import Any

from streams.contract.events.case_activity import ProposedOutcome
from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.events.desk_member import DeskMember
from streams.contract.events.moderation_outcome import EscalationSubject, MessageSubject, ModerationOutcome
from streams.contract.wire.ids import stable_id
from streams.desk.console.casework.work import CaseSubject, DeskDecision


def clock_outcomes(decision: DeskDecision[Any]) -> Iterator[ClockOutcome]:
    """The outcomes of the clocks that end with a decision. Their ids follow from the decision's."""
    for clock in decision.outcome.clocks:
        yield ClockOutcome(
            outcome_id=clock_outcome_id(decision.activity_id, clock.clock_id),
            clock_id=clock.clock_id,
            subject=clock.subject,
            key=clock.key,
            outcome=clock.outcome,
            occurred_at=decision.at,
            actor=_last_person(decision).ref,
        )


def moderation_outcome(
    decision: DeskDecision[ProposedOutcome], channel_ref: str, escalation_id: str
) -> ModerationOutcome:
    """The outcome that a decision about an escalation is."""
    outcome = decision.outcome
    subject = (
        EscalationSubject(channel_ref, escalation_id)
        if outcome.message_ref is None
        else MessageSubject(channel_ref, outcome.message_ref)
    )
    return ModerationOutcome(
        outcome_id=decision.activity_id,
        subject=subject,
        decision=outcome.decision,
        category=outcome.category,
        ground=outcome.ground,
        reason=outcome.reason,
        decided_at=decision.at,
        reviewer=_last_person(decision),
        confidence="one_reviewer" if decision.signed_by is None else "two_agree",
        action=outcome.action,
        supersedes=outcome.supersedes,
    )


def last_follow_up(subject: CaseSubject, decision: DeskDecision[Any]) -> str | None:
    """The id of the outcome that is written last: where that is, nothing is missing.

    None if nothing follows.
    """
    if subject == "escalation":
        return decision.activity_id
    clocks = decision.outcome.clocks
    return clock_outcome_id(decision.activity_id, clocks[-1].clock_id) if clocks else None


def clock_outcome_id(decision_id: str, clock_id: str) -> str:
    """The id of the outcome by which a decision ends a clock."""
    return stable_id("console-clock-outcome", decision_id, clock_id)


def _last_person(decision: DeskDecision[Any]) -> DeskMember:
    return decision.actor if decision.signed_by is None else decision.signed_by
