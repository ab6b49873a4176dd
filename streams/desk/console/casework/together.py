"""One act of a person on all members of a case that concern it, with ids that follow from the first one's.

Sent twice, each of them has one effect. Clocks need no decision of their own: they end with the first one.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.contract.events.case_activity import CaseActivity, ProposedOutcome
from streams.contract.wire.ids import stable_id
from streams.desk.console.casework.work import CaseWork


class Member(NamedTuple):
    """An escalation of a case, with the version that the person had seen."""

    escalation_id: str
    version: int
    is_clock: bool
    work: CaseWork


def acts_on_others(act: CaseActivity, first: CaseWork, others: Iterable[Member]) -> Iterator[CaseActivity]:
    """The acts on other members of a case that belong to one on its first member, whose work is `first`."""
    for other in others:
        if _concerns(act, first, other):
            yield msgspec.structs.replace(
                act,
                activity_id=_id_on(other, act.activity_id),
                escalation_id=other.escalation_id,
                expected_version=other.version,
                proposed=None if act.proposed is None else _proposed(act.proposed, other.work),
            )


def _concerns(act: CaseActivity, first: CaseWork, other: Member) -> bool:
    match act.kind:
        case "claimed" | "snoozed" | "escalated":
            return True
        case "released":
            return other.work.assignee is not None
        case "decided" | "outcome_proposed":
            return not other.is_clock
        case "proposal_signed" | "proposal_declined":
            ours, theirs = first.proposal, other.work.proposal
            # Of what else was proposed the page showed nothing.
            return bool(ours and theirs and theirs.activity_id == _id_on(other, ours.activity_id))
        case "noted":
            return False


def _proposed(outcome: ProposedOutcome, work: CaseWork) -> ProposedOutcome:
    # A clock ends once, and it is policies that are decided too: an outcome of theirs is about their reports.
    supersedes = None if work.decision is None else work.decision.activity_id
    return msgspec.structs.replace(outcome, clocks=(), message_ref=None, supersedes=supersedes)


def _id_on(other: Member, activity_id: str) -> str:
    return stable_id("console-member", activity_id, other.escalation_id)
