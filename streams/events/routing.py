"""Where a case goes, and what the rule of law asks for before: shared by everything that Tocsin publishes."""

from typing import Literal

import msgspec

# What must happen before anything is done, from the least to the most protective. All but the last can end in the
# action; a human-rights review may also end in refusing it.
Gate = Literal["human_review", "two_person_review", "judicial_order", "human_rights_review"]


class Routing(msgspec.Struct, frozen=True):
    """Who should see this, why, and what must happen before.

    `recipient` is `internal_review`, or the id of an authority in the registry.
    """

    recipient: str
    reason: str
    gate: Gate


class RuleOfLaw(msgspec.Struct, frozen=True):
    """The most protective tier of the jurisdictions concerned and what follows from it."""

    tier: Literal["open", "guarded", "unknown", "closed"]
    decision: Gate
    reasons: tuple[str, ...]
