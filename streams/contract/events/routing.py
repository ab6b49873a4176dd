"""Who should review a case, and what the rule of law requires first.

Shared by all events that Tocsin publishes.
"""

from typing import Literal

import msgspec

# What must happen before anybody acts, from the least to the most protective. A human-rights review may also
# end in a refusal to act.
Gate = Literal["human_review", "two_person_review", "judicial_order", "human_rights_review"]


class Routing(msgspec.Struct, frozen=True):
    """Who should review the case, why, and the gate that must be passed before anybody acts.

    `recipient` is `internal_review` or the id of an authority in the registry.
    """

    recipient: str
    reason: str
    gate: Gate


class RuleOfLaw(msgspec.Struct, frozen=True):
    """The most protective tier among the jurisdictions concerned, and the gate that follows from it."""

    tier: Literal["open", "guarded", "unknown", "closed"]
    decision: Gate
    reasons: tuple[str, ...]
