"""What desks decided about one message or report: which decision holds, and what it weighs.

The latest decision holds: an appeal is decided later than what it replaces. The latest one of another person
is kept beside it. Two who agree weigh more than one, two who disagree weigh less, and what only one person
found manifestly unfounded counts as dismissed. Nothing of it depends on the order in which decisions arrive.
"""

from typing import NamedTuple

import msgspec

from streams.contract.events.moderation_outcome import OutcomeDecision, OutcomeGround
from streams.contract.events.outcome_reason import OutcomeReason
from streams.contract.events.report import Category


class KnownOutcome(msgspec.Struct, frozen=True, array_like=True):
    """An outcome, reduced to what credits and notices need.

    `percent` is its weight (confidence over probability of review) x 100; 0 if nobody could see whether the
    reports were right. `if_agreed` and `if_disputed` are the weights if another person decided the same, or
    not: they are kept, so that what was credited can be taken back after a change of the rules. `decided_s`
    is in seconds since the epoch.

    `reviewer` is a keyed tag of the person, 0 in records of versions that kept none. `sure`: two people came
    to it independently, or the rules take one person's word for it. `corrects`: it supersedes another one, so
    it holds whatever was found before. `other` is the latest decision of another person; a decision that
    arrives has none.
    """

    decided_s: int
    outcome_id: str
    verdict: OutcomeDecision
    category: Category
    percent: int
    ground: OutcomeGround | None = None
    reviewer: int = 0
    if_agreed: int = 0
    if_disputed: int = 0
    sure: bool = False
    corrects: bool = False
    other: "KnownOutcome | None" = None
    reason: OutcomeReason | None = None

    @property
    def order(self) -> tuple[int, str]:
        """The order of decisions: the latest one holds."""
        return self.decided_s, self.outcome_id

    def agrees(self) -> bool | None:
        """Return whether another person decided the same; None if none did, or one corrects the other."""
        other = self.other
        if other is None or not other.percent or not self.percent or self.corrects:
            return None
        if not (other.reviewer and self.reviewer):
            # Nobody knows whose an outcome without a tag is: it may be of the same person.
            return None
        return (other.verdict == "upheld") == (self.verdict == "upheld")

    @property
    def counted(self) -> "Counted":
        """How it counts for those who reported the message."""
        verdict, percent, reviewer, sure = self.verdict, self.percent, self.reviewer, self.sure
        agrees = self.agrees()
        if agrees:
            percent, sure = self.if_agreed, True
            if self.other is not None and self.other.verdict == "dismissed":
                verdict = "dismissed"
        elif agrees is False:
            percent = self.if_disputed
        if sure:
            reviewer = 0
        elif reviewer and verdict == "manifestly_unfounded":
            verdict = "dismissed"
        return Counted(self.decided_s, verdict, self.category, percent, reviewer)


class Counted(NamedTuple):
    """A decision as it counts: its weight in per cent, and the tag of the person who alone decided so.

    The tag is 0 if it is sure, or if a version that kept no tags credited it.
    """

    decided_s: int
    verdict: OutcomeDecision
    category: Category
    percent: int
    reviewer: int


def with_decision(standing: KnownOutcome | None, decision: KnownOutcome) -> KnownOutcome:
    """Return the decision that holds, with the latest one of another person beside it.

    Of each person the latest decision counts, and of these the two latest are kept.
    """
    if standing is None:
        return decision
    latest: dict[int, KnownOutcome] = {}
    for each in sorted(_alone(standing) + _alone(decision), key=lambda one: one.order):
        latest[each.reviewer] = each
    first, *others = sorted(latest.values(), key=lambda one: one.order, reverse=True)
    return msgspec.structs.replace(first, other=others[0]) if others else first


def _alone(decision: KnownOutcome) -> list[KnownOutcome]:
    if decision.other is None:
        return [decision]
    return [msgspec.structs.replace(decision, other=None), decision.other]
