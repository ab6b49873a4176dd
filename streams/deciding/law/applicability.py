"""Which duties apply: an overlay of the global row, the regions of a country, and the country itself.

A layer adds duties and never removes any: a Regulation of the Union applies directly in every Member State
(art. 288 TFEU), except those that the instrument itself excludes, as Regulation (EU) 2023/1543 excludes
Denmark.
"""

from collections.abc import Collection, Mapping
from datetime import date

from streams.contract.events.report import Category
from streams.registry.jurisdiction import JurisdictionRules
from streams.registry.obligation import Obligation, Trigger
from streams.registry.rules import PlatformFacts, Rules

GLOBAL = "GLOBAL"


def holds_in(obligation: Obligation, code: str, jurisdictions: Mapping[str, JurisdictionRules]) -> bool:
    """Whether the law behind the duty holds in `code`. A country without a row has the global law only.

    An overseas territory has the law of its state, and of the regions that its own row names.
    """
    if obligation.jurisdiction in (GLOBAL, code):
        return True
    row = jurisdictions.get(code)
    if row is None:
        return False
    if code in obligation.except_in or row.part_of in obligation.except_in:
        return False
    return obligation.jurisdiction == row.part_of or obligation.jurisdiction in row.regions


def in_force(obligation: Obligation, day: date) -> bool:
    """Whether the duty is in force on `day`; the last day counts."""
    until = obligation.in_force_until
    return obligation.in_force_from <= day and (until is None or day <= until)


def binds(obligation: Obligation, platform: PlatformFacts) -> bool:
    """Whether the duty binds a platform of this size. A platform of unknown size is not exempt."""
    return platform.size is None or platform.size not in obligation.exempt_sizes


def applicable(
    rules: Rules,
    codes: Collection[str],
    category: Category,
    triggers: Collection[Trigger],
    day: date,
    *,
    private: bool,
) -> tuple[Obligation, ...]:
    """The duties with one of `triggers` for `category` that concern `codes`, in the registry's order.

    `private` excludes duties that cover public content only; so does the platform's size those that exempt
    it.
    """
    return tuple(
        duty
        for duty in rules.obligations
        if category in duty.categories
        and duty.trigger in triggers
        and not (duty.public_only and private)
        and in_force(duty, day)
        and binds(duty, rules.platform)
        and any(holds_in(duty, code, rules.jurisdictions) for code in codes)
    )
