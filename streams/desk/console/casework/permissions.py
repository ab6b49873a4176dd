"""Who may do what: by role, by category, and by the gate that a case must pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from streams.contract.events.authority_routing import AuthorityRouting
from streams.contract.events.case_activity import ActivityKind, ProposedAnswer, RequestAnswer
from streams.contract.events.clock_outcome import ClockSubject
from streams.contract.events.desk_member import DeskMember, DeskRole
from streams.contract.events.desk_view import ViewKind
from streams.contract.events.escalation import Escalation
from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.report import Category
from streams.contract.events.rules.rule_change import RuleRole

Role = Literal[DeskRole, "read_only"]

# Gates that one person cannot pass. A court's order is checked by two as well: by the person who read it, and
# by another.
_GATES_OF_TWO = frozenset({"two_person_review", "judicial_order", "human_rights_review"})

FOLLOWING: Final[tuple[RequestAnswer, ...]] = ("followed", "followed_in_part")
"""The answers by which something that an authority demands is done."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who is signed in: a pseudonym, a role, and the categories whose cases they see."""

    ref: str
    role: Role
    categories: frozenset[Category]

    def sees(self, category: Category | None) -> bool:
        """Whether they may see cases of a category; None is a case without one."""
        return category is None or category in self.categories

    def member(self) -> DeskMember | None:
        """The person as acts name them; None if they may not act."""
        return None if self.role == "read_only" else DeskMember(self.ref, self.role)


def gate_needs_two(case: Escalation) -> bool:
    """Whether every decision about a case needs a second person, by its rule-of-law gates."""
    return case.rule_of_law.decision in _GATES_OF_TWO or any(
        row.gate in _GATES_OF_TWO for row in case.routing
    )


def needs_two(events: Sequence[Escalation], decision: OutcomeDecision) -> bool:
    """Whether a decision about a case with these events, in their order, needs a second person.

    It does where the rule of law asks for more than one reviewer, and before a trusted flagger's notice is
    called manifestly unfounded: such decisions may end the flagger's status (DSA art. 22(6)).
    """
    return gate_needs_two(events[-1]) or _is_against_a_trusted_flagger(events, decision)


def why_two(events: Sequence[Escalation], decision: OutcomeDecision) -> list[str]:
    """Why a decision about a case with these events needs a second person; empty if it does not."""
    case = events[-1]
    reasons = list(case.rule_of_law.reasons) if case.rule_of_law.decision in _GATES_OF_TWO else []
    reasons += [row.reason for row in case.routing if row.gate in _GATES_OF_TWO]
    if _is_against_a_trusted_flagger(events, decision):
        reasons.append("a trusted flagger's notice is among them")
    return list(dict.fromkeys(reasons))


def _is_against_a_trusted_flagger(events: Sequence[Escalation], decision: OutcomeDecision) -> bool:
    # Of every event: each counts its own window, and a notice leaves the window long before somebody decides
    # about it.
    return decision == "manifestly_unfounded" and any(event.counts.trusted_flaggers > 0 for event in events)


def request_gate_needs_two(request: AuthorityRouting) -> bool:
    """Whether an answer to an authority needs a second person; noting its withdrawal never does."""
    return request.gate in _GATES_OF_TWO


def answer_needs_two(request: AuthorityRouting, answer: RequestAnswer) -> bool:
    """Whether an answer needs a second person. A refusal does as well: it may be wrong, too."""
    return answer != "withdrawn" and request_gate_needs_two(request)


def may_act(person: Person, kind: ActivityKind, category: Category) -> bool:
    """Whether a person may do this with a case of the category, whatever the state of the case."""
    if person.role == "read_only" or not person.sees(category):
        return False
    # Authority liaisons answer authorities; what is done about content is for the desks.
    return person.role != "authority_liaison" or kind in ("claimed", "released", "noted")


def may_act_on_request(person: Person, kind: ActivityKind, category: Category | None) -> bool:
    """Whether a person may do this with an authority's request, which may concern no category."""
    if person.role == "read_only" or not person.sees(category):
        return False
    # Desks judge content. They may say what they know about it, but do not answer authorities.
    return person.role != "desk" or kind == "noted"


def may_look_into_integrity(person: Person) -> bool:
    """Whether a person may claim and close cases about the integrity of reporting, which have no category."""
    return person.role in ("desk", "legal", "lead")


def may_end_clock(person: Person, subject: ClockSubject, category: Category | None) -> bool:
    """Whether a person may record the outcome of a report's or request's clock, if its gate asks for one."""
    if subject == "request":
        return may_act_on_request(person, "decided", category)
    return category is not None and may_act(person, "decided", category)


def is_refused(request: AuthorityRouting) -> bool:
    """Whether complying with a request, even in part, would break norms that hold against every authority."""
    return request.decision == "refused"


def sets_refusal_aside(request: AuthorityRouting, answer: ProposedAnswer) -> bool:
    """Whether an answer does what must be refused."""
    return is_refused(request) and answer.answer in FOLLOWING


def may_set_refusal_aside(person: Person) -> bool:
    """Whether a person may give or sign such an answer: only those who answer for it before a court.

    A lead or a liaison may not.
    """
    return person.role == "legal"


def may_save_view(person: Person, kind: ViewKind) -> bool:
    """Whether a person may save a view of the desk, and delete one of theirs; of queues any.

    Who may only read writes nothing. Queues say what everybody is to do first, which is for leads.
    """
    return person.role == "lead" if kind == "queue" else person.role != "read_only"


def may_see_figures(person: Person) -> bool:
    """Whether a person may see what a whole desk did on a day, of the categories that they see.

    Leads staff a desk and answer for its clocks. Who works on cases does not need to know how all others
    decide, and who reads for the law has the numbers of transparency reports.
    """
    return person.role == "lead"


def may_see_rules(person: Person) -> bool:
    """Whether a person may see all sets of rules, and what was decided about them.

    Who owns policies or operates Tocsin may only read here. Desks and liaisons see on a case which rules
    decided it.
    """
    return person.role in ("lead", "legal", "read_only")


def rule_role(person: Person) -> RuleRole | None:
    """The role in which a person decides about sets of rules; None if they may not."""
    return person.role if person.role in ("lead", "legal") else None
