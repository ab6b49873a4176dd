"""Which duties apply: an overlay of the global row, the regions of a country, and the country.

Each layer adds, none takes away: a Regulation of the Union applies directly in every Member State (art. 288 TFEU),
apart from those that an instrument itself leaves out, as Regulation (EU) 2023/1543 does Denmark.
"""

from collections.abc import Collection, Mapping
from datetime import date

from streams.events.report import Category
from streams.registry.rules import JurisdictionRules, Obligation, Rules, Trigger

GLOBAL = "GLOBAL"


def holds_in(obligation: Obligation, code: str, jurisdictions: Mapping[str, JurisdictionRules]) -> bool:
    """Whether the duty's law is in force on the territory of `code`; a country without a row has the global law.

    An overseas territory has the law of its state, and of those regions that its own row names.
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
    """Whether the duty is in force on a day."""
    until = obligation.in_force_until
    return obligation.in_force_from <= day and (until is None or day <= until)


def applicable(
    rules: Rules,
    codes: Collection[str],
    category: Category,
    triggers: Collection[Trigger],
    day: date,
    *,
    private: bool,
) -> tuple[Obligation, ...]:
    """The duties of one of `triggers` for content of a category that concerns `codes`, in the registry's order.

    `private` leaves out the law for what is open to the public.
    """
    return tuple(
        duty
        for duty in rules.obligations
        if category in duty.categories
        and duty.trigger in triggers
        and not (duty.public_only and private)
        and in_force(duty, day)
        and any(holds_in(duty, code, rules.jurisdictions) for code in codes)
    )
