"""Who should be told of a case: advice to a human; nothing is sent.

Under DSA art. 18 that is the authority of each Member State concerned that is identified with reasonable
certainty, otherwise the state of establishment or of the legal representative, or Europol, or both. Elsewhere
it is the authority that the duty names. Whether an authority is named at all depends on its country's
rule-of-law tier.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from streams.contract.events.enriched_report import Jurisdiction
from streams.contract.events.report import Category
from streams.contract.events.routing import Gate, Routing
from streams.deciding.law.applicability import GLOBAL, binds, holds_in, in_force
from streams.deciding.law.concerned import UNKNOWN
from streams.deciding.law.rule_of_law import most_protective_tier, tier_of
from streams.registry.category import CategoryRules
from streams.registry.jurisdiction import RuleOfLawTier
from streams.registry.obligation import Obligation, Trigger
from streams.registry.rules import Rules

INTERNAL_REVIEW = "internal_review"
EUROPOL = "EUROPOL"

_SUSPICION: tuple[Trigger, ...] = ("awareness_threat", "actual_knowledge")
_SAFE_ONLY = "Only a safe recipient may be told."
_OF_MINORS = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"


class CountryConcerned(NamedTuple):
    """A country concerned, and how certainly: `certain` is reasonably certain (DSA art. 18(2)).

    The reporter's country and the language are weak hints: they do not identify a country.
    """

    code: str
    certain: bool
    more_than_hint: bool


def places_of(
    rules: Rules, jurisdictions: Iterable[Jurisdiction], certain: Collection[str]
) -> tuple[CountryConcerned, ...]:
    """The countries concerned, as routing needs them; `certain` are the reasonably certain ones."""
    weak = max(rules.location_hints.reporter, rules.location_hints.language)
    return tuple(
        CountryConcerned(found.code, found.code in certain, found.confidence > weak)
        for found in jurisdictions
    )


def routes(
    rules: Rules,
    places: Sequence[CountryConcerned],
    obligations: Iterable[Obligation],
    category: Category,
    decision: Gate,
    day: date,
) -> tuple[Routing, ...]:
    """Who should see a case received on `day` (UTC): the platform's own review, then each authority once.

    `obligations` are those that apply; `decision` is the gate before anybody outside is told (see
    `rule_of_law`). More evidence never removes a recipient, except those who are named only because no Member
    State is certain.
    """
    floor = rules.categories[category].floor
    reason = f"A human always looks at {category}." if floor else "A human decides whether anything follows."
    gate: Gate = "human_rights_review" if decision == "human_rights_review" else "human_review"
    reasons_of: dict[str, list[str]] = {}
    for recipient, why in _outside(rules, places, obligations, category, day):
        if why not in reasons_of.setdefault(recipient, []):
            reasons_of[recipient].append(why)
    return (
        Routing(INTERNAL_REVIEW, reason, gate),
        *(
            Routing(recipient, " ".join(reasons) + unverified_note(rules, recipient), decision)
            for recipient, reasons in reasons_of.items()
        ),
    )


def unverified_note(rules: Rules, authority: str) -> str:
    """The sentence to add to a reason that names an unverified authority; empty for a verified one."""
    row = rules.authorities.get(authority)
    if row is None or row.verification != "unverified":
        return ""
    return f" What is known of {authority} is unverified."


def may_be_told(tier: RuleOfLawTier, category: CategoryRules) -> bool:
    """Whether the authorities of a country of this tier may be told of a case of this category at all."""
    if tier == "open":
        return True
    return tier != "closed" and category.endangers_life and not category.abuse_prone


def _outside(
    rules: Rules,
    places: Sequence[CountryConcerned],
    obligations: Iterable[Obligation],
    category: Category,
    day: date,
) -> Iterable[tuple[str, str]]:
    for duty in obligations:
        if not _tells(duty, category):
            continue
        if duty.jurisdiction == GLOBAL:
            if duty.authority is not None and _tier(rules, GLOBAL, duty.authority, day) != "closed":
                yield duty.authority, f"{_named(duty)}."
            continue
        known = _known(rules, duty, places)
        for code in known:
            yield from _of_place(rules, duty, code, category, day)
        if not known and duty.jurisdiction in rules.regions:
            yield from _fallback(rules, category, duty, day)
    for duty in _at_home(rules, places, category, day):
        yield from _fallback(rules, category, duty, day)
    # The duties of a closed country are never followed, so its safe recipients are named here instead.
    closed = [place.code for place in places if tier_of(place.code, rules.jurisdictions, day) == "closed"]
    if closed and any(_tells(duty, category) for duty in rules.obligations):
        for code in closed:
            yield from _safe(rules, category, f"{code} is closed. {_SAFE_ONLY}")


def _of_place(
    rules: Rules, duty: Obligation, code: str, category: Category, day: date
) -> Iterable[tuple[str, str]]:
    """Recipients, with the reason, under a duty that applies because the country `code` is concerned."""
    authority = _authority(rules, duty, code)
    tier = _tier(rules, code, authority, day)
    if not may_be_told(tier, rules.categories[category]):
        why = f"{_named(duty)}: {code} is {tier}. {_SAFE_ONLY}"
        if duty.jurisdiction in rules.regions:
            # A tier is policy; it does not release the platform from the law of the Union.
            why += f" The duty binds all the same: a lawyer decides whether {code} is told too."
        yield from _safe(rules, category, why)
    elif authority is not None:
        yield authority, f"{_named(duty)}: {code} is concerned."
    elif duty.jurisdiction in rules.regions:
        yield from _fallback(rules, category, duty, day)


def _named(duty: Obligation) -> str:
    """The id of a duty as written in a reason, marked if its row is unverified and so only advisory."""
    return duty.id if duty.verification != "unverified" else f"{duty.id} (unverified)"


def _tells(duty: Obligation, category: Category) -> bool:
    return duty.action == "notify_authority" and duty.trigger in _SUSPICION and category in duty.categories


def _at_home(
    rules: Rules, places: Iterable[CountryConcerned], category: Category, day: date
) -> list[Obligation]:
    """If the place is unknown: duties of the regions in which the platform is established or represented.

    A place that only a weak hint names counts as unknown: naming the reporter's country must not remove
    recipients that a report without any hint has. Duties for public content only are excluded, and so are
    categories that are prone to abuse, because the place may be a closed jurisdiction.
    """
    known = any(place.more_than_hint and place.code != UNKNOWN for place in places)
    home = _home(rules)
    if known or home is None or rules.categories[category].abuse_prone:
        return []
    return [
        duty
        for duty in rules.obligations
        if _tells(duty, category)
        and not duty.public_only
        and in_force(duty, day)
        and binds(duty, rules.platform)
        and duty.jurisdiction in rules.regions
        and holds_in(duty, home, rules.jurisdictions)
    ]


def _known(rules: Rules, duty: Obligation, places: Iterable[CountryConcerned]) -> list[str]:
    """The countries concerned whose authorities may be told under a duty.

    A state of a region must be reasonably certain; otherwise the fallback applies. Elsewhere the law names
    one authority, and anything more than a weak hint is enough.
    """
    concerned = [place for place in places if holds_in(duty, place.code, rules.jurisdictions)]
    if duty.jurisdiction in rules.regions or rules.jurisdictions[duty.jurisdiction].regions:
        return [place.code for place in concerned if place.certain]
    return [place.code for place in concerned if place.more_than_hint]


def _tier(rules: Rules, code: str, authority: str | None, day: date) -> RuleOfLawTier:
    """The tier of a place, or that of the authority's own country if it is more protective."""
    codes = [code] if authority is None else [code, rules.authorities[authority].jurisdiction]
    return most_protective_tier(codes, rules.jurisdictions, day)


def _authority(rules: Rules, duty: Obligation, code: str) -> str | None:
    """The authority to tell in a country: a region's duty leaves it to each state to name one."""
    if duty.jurisdiction not in rules.regions:
        return duty.authority
    return _art18_authority(rules, code) or duty.authority


def _art18_authority(rules: Rules, code: str | None) -> str | None:
    while code is not None and code in rules.jurisdictions:
        row = rules.jurisdictions[code]
        if row.art18_authority is not None:
            return row.art18_authority
        code = row.part_of
    return None


def _home(rules: Rules) -> str | None:
    return rules.platform.establishment or rules.platform.legal_representative


def _fallback(rules: Rules, category: Category, duty: Obligation, day: date) -> Iterable[tuple[str, str]]:
    """Recipients if no Member State is reasonably certain (DSA art. 18(2)); at least one."""
    why = f"{_named(duty)}: no Member State is identified with reasonable certainty."
    home = _home(rules)
    authority = None
    if home is not None and rules.platform.fallback != "europol":
        authority = _art18_authority(rules, home)
        if not may_be_told(_tier(rules, home, authority, day), rules.categories[category]):
            authority = None
    if authority is not None:
        yield authority, why
    if rules.platform.fallback != "representative" or authority is None:
        yield EUROPOL, why


def _safe(rules: Rules, category: Category, why: str) -> Iterable[tuple[str, str]]:
    """Recipients that may be told instead of a country's own authorities."""
    of_category = rules.categories[category]
    if of_category.abuse_prone:
        return
    for recipient in rules.platform.safe_recipients:
        # Hotlines deal with the abuse of children only.
        if rules.authorities[recipient].role != "hotline" or of_category.dsa_category == _OF_MINORS:
            yield recipient, why
