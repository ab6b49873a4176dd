"""What the acts on a case add up to: who works on it, and what was proposed and decided.

Every console takes the acts on a case in the same order, that of its partition of `case-activity`, and so
comes to the same answer about who was first.
"""

from datetime import datetime
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

import msgspec

from streams.contract.events.case_activity import (
    CaseActivity,
    IntegrityConclusion,
    ProposedAnswer,
    ProposedOutcome,
)
from streams.contract.events.desk_member import DeskMember

RefusalReason = Literal[
    "another_act_came_first",
    "claimed_by_another",
    "nothing_proposed",
    "needs_another_person",
    "already_decided",
    "supersedes_nothing",
]
CaseSubject = Literal["escalation", "request", "integrity"]

AnyProposed = ProposedOutcome | ProposedAnswer | IntegrityConclusion
Proposed = TypeVar("Proposed", bound=AnyProposed)
AnyWork = TypeVar("AnyWork", bound="Work[Any]")


class CaseKey(NamedTuple):
    """Which case: an escalation, an authority's request or an integrity case, by its id."""

    subject: CaseSubject
    id: str


def case_key(act: CaseActivity) -> CaseKey:
    """The case on which somebody acted."""
    if act.request_id is not None:
        return CaseKey("request", act.request_id)
    if act.integrity_case_id is not None:
        return CaseKey("integrity", act.integrity_case_id)
    assert act.escalation_id is not None
    return CaseKey("escalation", act.escalation_id)


class Proposal(msgspec.Struct, Generic[Proposed], frozen=True, omit_defaults=True):
    """An outcome or an answer that waits for a second person."""

    activity_id: str
    actor: DeskMember
    outcome: Proposed


class DeskDecision(msgspec.Struct, Generic[Proposed], frozen=True, omit_defaults=True):
    """An outcome or an answer that holds.

    `activity_id` is also the id of the outcome; `signed_by` is null if one person decided.
    """

    activity_id: str
    at: datetime
    actor: DeskMember
    outcome: Proposed
    signed_by: DeskMember | None = None


class Work(msgspec.Struct, Generic[Proposed], frozen=True, omit_defaults=True):
    """The work on a case. `version` is the number of acts that counted."""

    version: int = 0
    assignee: DeskMember | None = None
    claimed_until: datetime | None = None
    snoozed_until: datetime | None = None
    escalated: bool = False
    proposal: Proposal[Proposed] | None = None
    decision: DeskDecision[Proposed] | None = None

    def assigned_to(self, at: datetime) -> DeskMember | None:
        """Who works on it at a time; a claim may have ended by itself."""
        if self.claimed_until is not None and at >= self.claimed_until:
            return None
        return self.assignee


class CaseWork(Work[ProposedOutcome], frozen=True, omit_defaults=True):
    """The work on an escalation."""


class RequestWork(Work[ProposedAnswer], frozen=True, omit_defaults=True):
    """The work on an authority's request."""


class IntegrityWork(Work[IntegrityConclusion], frozen=True, omit_defaults=True):
    """The work on an integrity case. It is closed by its decision, which one person makes."""


_LET_GO: Final = {"assignee": None, "claimed_until": None}


class ActRefused(Exception):
    """An act did not count. It changed nothing."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason: RefusalReason = reason


def apply_act(work: AnyWork, act: CaseActivity) -> AnyWork:
    """The work after an act. Raises ActRefused if the act does not count."""
    _require_allowed(work, act)
    return msgspec.structs.replace(work, version=work.version + 1, **_changes(work, act))


def _changes(work: Work[Any], act: CaseActivity) -> dict[str, Any]:
    """The fields that an act changes, besides the version."""
    changes: dict[str, Any] = {}
    match act.kind:
        case "claimed":
            changes = {"assignee": act.actor, "claimed_until": act.until, "snoozed_until": None}
        case "released":
            changes = _LET_GO
        case "snoozed":
            changes = {"snoozed_until": act.until}
        case "escalated":
            # For somebody with more authority: the person who worked on it lets go.
            changes = {"escalated": True, **_LET_GO}
        case "outcome_proposed":
            changes = {"proposal": Proposal(act.activity_id, act.actor, _proposed(act))}
        case "proposal_declined":
            changes = {"proposal": None}
        case "decided" | "proposal_signed":
            over = {"proposal": None, "snoozed_until": None, "escalated": False, **_LET_GO}
            changes = {"decision": _decision(work, act), **over}
        case "noted":
            pass
    return changes


def _require_allowed(work: Work[Any], act: CaseActivity) -> None:
    if act.expected_version != work.version:
        raise ActRefused("another_act_came_first")
    holder = work.assigned_to(act.at)
    # A note disturbs nobody. A signature is somebody else's by its nature. A lead may step in.
    others_welcome = act.kind in ("noted", "proposal_signed", "proposal_declined") or act.actor.role == "lead"
    if holder is not None and holder.ref != act.actor.ref and not others_welcome:
        raise ActRefused("claimed_by_another")
    if act.kind in ("proposal_signed", "proposal_declined"):
        if work.proposal is None:
            raise ActRefused("nothing_proposed")
        # Taking one's own proposal back is no signature.
        if act.kind == "proposal_signed" and work.proposal.actor.ref == act.actor.ref:
            raise ActRefused("needs_another_person")
    if act.kind in ("outcome_proposed", "decided"):
        _require_successor(work, _proposed(act))


def _require_successor(work: Work[Any], proposed: AnyProposed) -> None:
    """A second decision must say that it replaces the first one."""
    earlier = None if work.decision is None else work.decision.activity_id
    if earlier is not None and proposed.supersedes is None:
        raise ActRefused("already_decided")
    if proposed.supersedes != earlier:
        raise ActRefused("supersedes_nothing")


def _decision(work: Work[Any], act: CaseActivity) -> DeskDecision[Any]:
    if act.kind == "decided":
        return DeskDecision(act.activity_id, act.at, act.actor, _proposed(act))
    assert work.proposal is not None
    return DeskDecision(
        act.activity_id, act.at, work.proposal.actor, work.proposal.outcome, signed_by=act.actor
    )


def _proposed(act: CaseActivity) -> AnyProposed:
    proposed = act.proposed or act.proposed_answer or act.conclusion
    assert proposed is not None
    return proposed
