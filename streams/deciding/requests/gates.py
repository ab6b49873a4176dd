"""The gates before a request is acted on, whether its data may be disclosed, and where it may take effect."""

from datetime import date
from typing import get_args

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import Disclosure, Territory
from streams.contract.events.routing import Gate, RuleOfLaw
from streams.deciding.law.rule_of_law import most_protective, tier_of
from streams.deciding.requests.refusals import CONTENT_DEMANDS, asks_for_data, targets_individuals, why_many
from streams.deciding.requests.rules import UNION, RequestRules, country_of, is_member_state
from streams.registry.jurisdiction import RuleOfLawTier
from streams.registry.obligation import Obligation

_GATES: tuple[Gate, ...] = get_args(Gate)


def gates_of(
    request: AuthorityRequest,
    received: date,
    duties: tuple[Obligation, ...],
    rules: RequestRules,
    *,
    contested: bool,
) -> tuple[tuple[Gate, ...], RuleOfLaw]:
    """Return all gates that apply, and the rule-of-law decision with the reason for each.

    The tier is that of the requesting country on the day of receipt (UTC); a country that was not assessed is
    treated as closed. An order under the law of the Union binds whatever the tier of the Member State, so two
    people look at it, instead of asking for a judge's order that this law does not ask for. Requests that
    concern the press, human-rights defenders, assemblies or elections go to a human-rights review in every
    tier, and so do those for data on many named people, which two people look at too. Categories used against
    dissent where courts do not protect it go there unless the tier is open. If the reach of the law is
    `contested`, two people answer.

    All of this is policy, as in `law.rule_of_law`. The gate of a single duty is in its registry row.
    """
    country = country_of(request.authority.country)
    tier = tier_of(country, rules.registry.jurisdictions, received)
    found: dict[Gate, str] = {"human_review": "No request is acted on without a person's decision."}
    found.update(_gates_of_tier(request, tier, country, rules))
    if contested:
        found.setdefault("two_person_review", "The reach of the law is contested: two people answer.")
    many = why_many(request)
    if many is not None:
        found.setdefault("two_person_review", f"{many} Two people look at that.")
        found.setdefault(
            "human_rights_review",
            f"{many} No law sets a number, but many people are rarely the suspects of one case.",
        )
    if asks_for_data(request):
        found.setdefault("judicial_order", "The request asks for data on persons.")
    if request.concerns:
        found.setdefault("human_rights_review", f"The request concerns: {', '.join(request.concerns)}.")
    if tier != "open" and is_abuse_prone(request, rules):
        found.setdefault("human_rights_review", f"Prone to abuse: {request.category}.")
    if "preserve_data" in request.demands and not targets_individuals(request):
        found.setdefault("human_rights_review", "The request asks to preserve data on no specific person.")
    for duty in duties:
        if duty.gate is not None:
            found.setdefault(duty.gate, f"{duty.id} asks for {duty.gate}.")
    gates = tuple(sorted(found, key=_GATES.index))
    reasons = (f"The tier of the requesting country is {tier}.", *(found[gate] for gate in gates))
    return gates, RuleOfLaw(tier=tier, decision=most_protective(gates), reasons=reasons)


def _gates_of_tier(
    request: AuthorityRequest, tier: RuleOfLawTier, country: str, rules: RequestRules
) -> dict[Gate, str]:
    if tier in ("unknown", "closed"):
        return {"human_rights_review": f"The requesting country is {tier}."}
    if tier == "open":
        return {}
    if request.legal_basis != "national_law" and is_member_state(rules, country):
        return {"two_person_review": "The requesting Member State is guarded: two people review its order."}
    found: dict[Gate, str] = {
        "judicial_order": "The requesting country is guarded: only a judge's order is followed."
    }
    if request.emergency:
        found["two_person_review"] = "Two persons review an emergency that a guarded country declares."
    return found


def is_abuse_prone(request: AuthorityRequest, rules: RequestRules) -> bool:
    """Return whether the request's category is used against dissent where courts do not protect it."""
    return request.category is not None and rules.registry.categories[request.category].abuse_prone


def disclosure_of(request: AuthorityRequest, law: RuleOfLaw, *, allowed: bool) -> Disclosure:
    """Return whether the requested data may be disclosed.

    `allowed` is False if the request is refused or its authority is not competent. Disclosing nothing to a
    closed or unknown country is policy.
    """
    if not asks_for_data(request):
        return "not_asked"
    return "after_gate" if allowed and law.tier in ("open", "guarded") else "never"


def territory_of(request: AuthorityRequest) -> Territory:
    """Return where a measure on content may take effect.

    Regulation (EU) 2021/784 art. 3(1) and 3(3): in all Member States. Digital Services Act art. 9(2)(b): what
    is strictly necessary, so the authority's own state unless the order gives reasons for more. National law:
    in its own territory.
    """
    country = country_of(request.authority.country)
    if CONTENT_DEMANDS.isdisjoint(request.demands):
        return Territory("none", (), "The request asks for no measure on content.")
    if request.legal_basis == "tco_art3":
        return Territory("union", (UNION,), "Regulation (EU) 2021/784 art. 3(3): in all Member States.")
    if request.legal_basis == "dsa_art9":
        reason = "Digital Services Act art. 9(2)(b): limited to what is strictly necessary."
        return Territory("strictly_necessary", (country,), reason)
    return Territory(
        "country", (country,), "An order under national law has effect in its own territory only."
    )
