"""Who may do what: by role, by category, and by the gate that a case must pass."""

from dataclasses import dataclass
from typing import Literal

from streams.events.case_activity import ActivityKind
from streams.events.desk_member import DeskMember, DeskRole
from streams.events.escalation import Escalation
from streams.events.moderation_outcome import OutcomeDecision
from streams.events.report import Category

Role = Literal[DeskRole, "read_only"]

# Gates that one person cannot pass. A court's order is checked by two as well: by whoever read it, and by another.
_GATES_OF_TWO = frozenset({"two_person_review", "judicial_order", "human_rights_review"})


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


def needs_two(case: Escalation, decision: OutcomeDecision) -> bool:
    """Whether a decision about a case needs a second person.

    It does where the rule of law asks for more than one reviewer, and before a trusted flagger's notice is called manifestly
    unfounded: such decisions may end the flagger's status (DSA art. 22(6)).
    """
    if case.rule_of_law.decision in _GATES_OF_TWO or any(row.gate in _GATES_OF_TWO for row in case.routing):
        return True
    return decision == "manifestly_unfounded" and case.counts.trusted_flaggers > 0


def may_act(person: Person, kind: ActivityKind, category: Category) -> bool:
    """Whether a person may do this with a case of the category, whatever the state of the case."""
    if person.role == "read_only" or not person.sees(category):
        return False
    # Authority liaisons answer authorities; what is done about content is for the desks.
    return person.role != "authority_liaison" or kind in ("claimed", "released", "noted")
