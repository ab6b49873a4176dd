"""Which reasons fit a category, and in which order to offer them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from streams.contract.events.moderation_outcome import OutcomeDecision
from streams.contract.events.outcome_reason import VIOLATION_REASONS, OutcomeReason, ViolationReason
from streams.desk.text.category_words import category_title
from streams.registry.category import NOT_SPECIFIED_NOTICE, CategoryRules
from streams.statutory.statements.vocabulary import CATEGORY_OF_KEYWORD

# What no keyword covers, in every area.
_OTHER: Final = "other"

_AREAS: Final[Mapping[str, str]] = {
    "SELF_HARM": "Self-harm",
    "OTHER_VIOLATION_TC": "Other violation of the terms",
}


class ReasonChoice(NamedTuple):
    """The reasons for upholding, once each: those of the category, then of its area, then of the others."""

    own: Sequence[ViolationReason]
    area: Sequence[ViolationReason]
    others: Mapping[str, Sequence[ViolationReason]]


def reason_choice(rules: CategoryRules) -> ReasonChoice:
    """The reasons in the order in which a case of a category needs them; `others` are by area, in words."""
    own = [reason for reason in VIOLATION_REASONS if _keyword(reason) in rules.dsa_keywords]
    area = [
        reason
        for reason in VIOLATION_REASONS
        if reason not in own and (reason == _OTHER or _in_area(reason, rules))
    ]
    others: dict[str, list[ViolationReason]] = {}
    for reason in VIOLATION_REASONS:
        if reason not in own and reason not in area:
            others.setdefault(area_title(_area(reason)), []).append(reason)
    return ReasonChoice(own, area, others)


def fits(reason: str, rules: CategoryRules) -> bool:
    """Whether a reason is one of the category or of its area; any fits a category without an area."""
    return (
        reason == _OTHER
        or rules.dsa_category == NOT_SPECIFIED_NOTICE
        or _keyword(reason) in rules.dsa_keywords
        or _in_area(reason, rules)
    )


def fitting_categories(categories: Iterable[CategoryRules]) -> Mapping[str, Sequence[str]]:
    """For each reason for upholding, the categories that it fits."""
    known = list(categories)
    return {reason: [each.category for each in known if fits(reason, each)] for reason in VIOLATION_REASONS}


def mismatch(decision: OutcomeDecision, reason: OutcomeReason, rules: CategoryRules | None) -> str:
    """A warning if an upheld outcome has a reason of another area than its category; else empty.

    A statement of reasons is drafted from both. `rules` is None if the category is not known here.
    """
    if decision != "upheld" or rules is None or fits(reason, rules):
        return ""
    return (
        f"{reason.replace('_', ' ')} is no reason of {category_title(rules.category)}: it belongs to "
        f"{area_title(_area(reason))}"
    )


def area_title(area: str) -> str:
    """An area of the EU's transparency database in words, such as `Scams and fraud`."""
    name = area.removeprefix("STATEMENT_CATEGORY_")
    return _AREAS.get(name) or name.replace("_", " ").capitalize()


def _in_area(reason: str, rules: CategoryRules) -> bool:
    # Cyber violence against women is an area of its own; each of its reasons is one of cyber violence too.
    return _area(reason).startswith(rules.dsa_category)


def _keyword(reason: str) -> str:
    return f"KEYWORD_{reason.upper()}"


def _area(reason: str) -> str:
    return CATEGORY_OF_KEYWORD.get(_keyword(reason), "")
