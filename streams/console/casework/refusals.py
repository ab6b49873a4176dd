"""Requests of authorities that are refused whoever makes them, and who may answer one as if it were not."""

from typing import Final

from streams.console.casework.permissions import Person
from streams.events.authority_routing import AuthorityRouting
from streams.events.case_activity import ProposedAnswer, RequestAnswer

FOLLOWING: Final[tuple[RequestAnswer, ...]] = ("followed", "followed_in_part")
"""The answers by which something that an authority demands is done."""


def is_refused(request: AuthorityRouting) -> bool:
    """Whether complying with a request, also in part, would break norms that hold against every authority that makes it."""
    return request.decision == "refused"


def sets_refusal_aside(request: AuthorityRouting, answer: ProposedAnswer) -> bool:
    """Whether an answer does what must be refused."""
    return is_refused(request) and answer.answer in FOLLOWING


def may_set_refusal_aside(person: Person) -> bool:
    """Whether a person may give such an answer, or sign it: whoever answers for it before a court, and no lead or liaison."""
    return person.role == "legal"
