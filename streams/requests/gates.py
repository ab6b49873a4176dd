"""What must happen before anything follows from a request, what becomes of data, and where it may take effect."""

from typing import get_args

from streams.events.authority_request import AuthorityRequest
from streams.events.authority_routing import Disclosure, Territory
from streams.events.routing import Gate, RuleOfLaw
from streams.law.rule_of_law import most_protective, tier_of
from streams.registry.rules import Obligation
from streams.requests.refusals import CONTENT_DEMANDS, DATA_DEMANDS, names_persons
from streams.requests.rules import UNION, RequestRules, country_of

_GATES: tuple[Gate, ...] = get_args(Gate)


def gates_of(
    request: AuthorityRequest, duties: tuple[Obligation, ...], rules: RequestRules
) -> tuple[tuple[Gate, ...], RuleOfLaw]:
    """All the gates that apply, and the rule-of-law decision with the reason for each.

    The tier is that of the country that asks. A country nobody has assessed is treated as a closed one. Concerns of
    the press, of defenders of human rights, of assemblies and of elections go to a human-rights review in every tier;
    categories that are turned against dissent where courts do not protect it, wherever the tier is not open.

    All of it is policy, as in `law.gates`. The gate of a single duty stands in its row.
    """
    tier = tier_of(country_of(request.authority.country), rules.rules.jurisdictions)
    found: dict[Gate, str] = {"human_review": "Nothing follows from a request without a person's decision."}
    if tier in ("unknown", "closed"):
        found["human_rights_review"] = f"The country that asks is {tier}."
    if tier == "guarded":
        found["judicial_order"] = "The country that asks is guarded: only a judge's order is followed."
        if request.emergency:
            found["two_person_review"] = (
                "An emergency that a guarded country declares is looked at by two persons."
            )
    if not DATA_DEMANDS.isdisjoint(request.demands):
        found.setdefault("judicial_order", "Data on persons are asked for.")
    if request.concerns:
        found.setdefault("human_rights_review", f"It concerns: {', '.join(request.concerns)}.")
    if tier != "open" and is_abuse_prone(request, rules):
        found.setdefault("human_rights_review", f"Prone to abuse: {request.category}.")
    if "preserve_data" in request.demands and not names_persons(request):
        found.setdefault("human_rights_review", "Data on nobody in particular are to be kept.")
    for duty in duties:
        if duty.gate is not None:
            found.setdefault(duty.gate, f"{duty.id} asks for it.")
    gates = tuple(sorted(found, key=_GATES.index))
    reasons = (f"The tier of the country that asks is {tier}.", *(found[gate] for gate in gates))
    return gates, RuleOfLaw(tier=tier, decision=most_protective(gates), reasons=reasons)


def is_abuse_prone(request: AuthorityRequest, rules: RequestRules) -> bool:
    """Whether the request is about a category that is turned against dissent where courts do not protect it."""
    return request.category is not None and rules.rules.categories[request.category].abuse_prone


def disclosure_of(request: AuthorityRequest, law: RuleOfLaw, *, allowed: bool) -> Disclosure:
    """What may become of the data asked for; `allowed` is False where the request is refused or not for its author.

    That a closed or unknown country is given none is policy.
    """
    if DATA_DEMANDS.isdisjoint(request.demands):
        return "not_asked"
    return "after_gate" if allowed and law.tier in ("open", "guarded") else "never"


def territory_of(request: AuthorityRequest) -> Territory:
    """Where what is done to content may take effect.

    Regulation (EU) 2021/784 art. 3(1) and 3(3): in all Member States. Digital Services Act art. 9(2)(b): what is
    strictly necessary, so the authority's own state unless the order gives reasons for more. National law ends at the
    border.
    """
    country = country_of(request.authority.country)
    if CONTENT_DEMANDS.isdisjoint(request.demands):
        return Territory("none", (), "Nothing is to be done to content.")
    if request.legal_basis == "tco_art3":
        return Territory("union", (UNION,), "Regulation (EU) 2021/784 art. 3(3): in all Member States.")
    if request.legal_basis == "dsa_art9":
        reason = "Digital Services Act art. 9(2)(b): limited to what is strictly necessary."
        return Territory("strictly_necessary", (country,), reason)
    return Territory(
        "country", (country,), "An order under national law has effect in its own territory only."
    )
