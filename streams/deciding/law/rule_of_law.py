"""What must happen before anything is disclosed: the most protective gate that applies to a case.

Reports of "extremism", "insults" or "false news" are used against dissent where courts do not protect it.
Unless all jurisdictions concerned are open, they go to a human-rights review, whatever the local law says.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import get_args

from streams.contract.events.report import Category
from streams.contract.events.routing import Gate, RuleOfLaw
from streams.registry.category import CategoryRules
from streams.registry.jurisdiction import JurisdictionRules, RuleOfLawTier
from streams.registry.obligation import Obligation

_GATES: tuple[Gate, ...] = get_args(Gate)
# From the least to the most protective.
TIERS: tuple[RuleOfLawTier, ...] = get_args(RuleOfLawTier)

# Policy defaults: no instrument sets a gate by country. The reason for a country's tier is in its file
# (`rule_of_law.basis`), the gate of a single duty in its row. A country that was not assessed is treated at
# least as carefully as a guarded one.
_GATE_OF_TIER: Mapping[RuleOfLawTier, Gate] = {
    "open": "human_review",
    "guarded": "two_person_review",
    "unknown": "two_person_review",
    "closed": "human_rights_review",
}


def most_protective(gates: Iterable[Gate]) -> Gate:
    """The most protective of the gates; `human_review` if there are none."""
    return max(gates, key=_GATES.index, default="human_review")


def tier_of(code: str, jurisdictions: Mapping[str, JurisdictionRules], day: date) -> RuleOfLawTier:
    """The rule-of-law tier of a country on `day` (UTC); that of the global row if it has no row."""
    row = jurisdictions[code if code in jurisdictions else "GLOBAL"]
    return next((tier for until, tier in row.earlier_tiers if day <= until), row.rule_of_law)


def most_protective_tier(
    codes: Iterable[str], jurisdictions: Mapping[str, JurisdictionRules], day: date
) -> RuleOfLawTier:
    """The most protective tier among the countries on `day` (UTC). Raises ValueError if there are none."""
    return max((tier_of(code, jurisdictions, day) for code in codes), key=TIERS.index)


def rule_of_law(
    tier: RuleOfLawTier,
    reported: Collection[Category],
    obligations: Iterable[Obligation],
    categories: Mapping[Category, CategoryRules],
    *,
    by_state: bool = False,
) -> RuleOfLaw:
    """The gate before a case of the categories `reported` goes to anybody outside, with the reasons.

    `tier` is the most protective one among the jurisdictions concerned; `obligations` are those that apply.
    `by_state`: a state actor reported it with the reporting button of users, whether or not the report says
    which state.
    """
    gates = [_GATE_OF_TIER[tier]]
    reasons = [f"The most protective tier of the jurisdictions concerned is {tier}."]
    prone = [category for category in reported if categories[category].abuse_prone]
    if prone and (by_state or tier != "open"):
        gates.append("human_rights_review")
        reasons.append(
            f"Prone to abuse: {', '.join(prone)}{', and reported by a state' if by_state else ''}."
        )
    for duty in obligations:
        if duty.gate is not None:
            gates.append(duty.gate)
            reasons.append(f"{duty.id} asks for {duty.gate}.")
    return RuleOfLaw(tier=tier, decision=most_protective(gates), reasons=tuple(reasons))
