"""Demands that are always refused, no matter who makes them and what the registry says.

The refusals are code, not data, so configuration cannot remove them. Each names the human-rights norms that
compliance would violate. A demand may be explicit (`encryption_keys`) or disguised as a usual one: data on
everybody who took part in something, or the removal of a call to a peaceful assembly.
"""

from streams.events.authority_request import AuthorityRequest, Demand
from streams.events.authority_routing import Norm, Refusal
from streams.registry.rules import RuleOfLawTier

DATA_DEMANDS: frozenset[Demand] = frozenset(
    {"produce_subscriber_data", "produce_traffic_data", "produce_content_data"}
)
CONTENT_DEMANDS: frozenset[Demand] = frozenset(
    {"remove", "disable_access", "geo_disable", "restrict_account"}
)

_CHARTER = "https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:12016P/TXT"
_CONVENTION = "https://www.echr.coe.int/documents/d/echr/convention_ENG"
_COVENANT = "https://www.ohchr.org/en/instruments-mechanisms/instruments/international-covenant-civil-and-political-rights"
_DSA = "http://data.europa.eu/eli/reg/2022/2065/oj"

_CHARTER_PRIVACY = Norm(
    "Charter of Fundamental Rights of the European Union, articles 7 (private life and communications) and 8 "
    "(personal data)",
    _CHARTER,
)
_CONVENTION_PRIVACY = Norm(
    "European Convention on Human Rights, article 8 (private life and correspondence)", _CONVENTION
)
_COVENANT_PRIVACY = Norm(
    "International Covenant on Civil and Political Rights, article 17 (privacy and correspondence)", _COVENANT
)

ENCRYPTION_KEYS = Refusal(
    "encryption_keys",
    "Keys or weakened encryption would open everybody's messages, not only those that the request is about.",
    (
        Norm(
            "European Court of Human Rights, Podchasov v. Russia, no. 33696/19, 13 February 2024, paragraphs 80-81: "
            "a duty to decrypt end-to-end encrypted communications violates article 8 of the Convention",
            "https://hudoc.echr.coe.int/eng?i=001-230854",
        ),
        _CHARTER_PRIVACY,
        _CONVENTION_PRIVACY,
        _COVENANT_PRIVACY,
    ),
)
BULK_IDENTIFY = Refusal(
    "bulk_identify",
    "Data are disclosed only on individually named persons, never on everybody who took part, was present or wrote.",
    (
        Norm(
            "Digital Services Act, article 10(1): information about one or more specific individual recipients",
            _DSA,
        ),
        Norm("Digital Services Act, article 8: no general obligation to monitor", _DSA),
        _CHARTER_PRIVACY,
        _CONVENTION_PRIVACY,
        _COVENANT_PRIVACY,
    ),
)
BLOCK_PROTEST = Refusal(
    "block_protest",
    "Nobody is prevented from calling for, organising or reporting on a peaceful assembly.",
    (
        Norm(
            "Charter of Fundamental Rights of the European Union, article 12 (freedom of assembly and of "
            "association)",
            _CHARTER,
        ),
        Norm("European Convention on Human Rights, article 11 (freedom of assembly)", _CONVENTION),
        Norm(
            "International Covenant on Civil and Political Rights, article 21 (right of peaceful assembly)",
            _COVENANT,
        ),
    ),
)

# Refused by policy, and only to the closed tier: the registry says which countries are closed.
POLITICAL_DEMAND = Refusal(
    "political_demand",
    "Requests about categories used against dissent are refused to countries whose courts do not protect dissent.",
    (
        Norm(
            "International Covenant on Civil and Political Rights, article 19 (freedom of expression)",
            _COVENANT,
        ),
        Norm(
            "Santa Clara Principles 2.0, state involvement in content moderation",
            "https://santaclaraprinciples.org/",
        ),
    ),
)


def refused_to_closed(tier: RuleOfLawTier, *, abuse_prone: bool) -> tuple[Refusal, ...]:
    """Return the refusals to the closed tier beyond `refusals`; `tier` is that of the requesting country."""
    return (POLITICAL_DEMAND,) if tier == "closed" and abuse_prone else ()


def refusals(request: AuthorityRequest) -> tuple[Refusal, ...]:
    """Return why the request is refused as a whole; empty if it makes no demand that is always refused.

    Depends on the request alone, not on the registry, platform facts or settings.
    """
    demands = frozenset(request.demands)
    found = []
    if "encryption_keys" in demands:
        found.append(ENCRYPTION_KEYS)
    if "bulk_identify" in demands or (_asks_for_data(request) and not targets_individuals(request)):
        found.append(BULK_IDENTIFY)
    if "block_protest" in demands or ("peaceful_assembly" in request.concerns and demands & CONTENT_DEMANDS):
        found.append(BLOCK_PROTEST)
    return tuple(found)


def targets_individuals(request: AuthorityRequest) -> bool:
    """Return whether the request is about specific persons.

    The users of a service are not specific persons, and neither are several people in a channel or behind a
    message: a request about some of them must name accounts or persons.
    """
    target = request.target
    if target.kind in ("channel", "message"):
        return target.specific and (target.people is None or target.people <= 1)
    return target.specific and target.kind != "service"


def _asks_for_data(request: AuthorityRequest) -> bool:
    """Return whether data on persons are requested, including by an answer that is to say who they are."""
    return not DATA_DEMANDS.isdisjoint(request.demands) or (
        "answer" in request.demands and bool(request.target.people)
    )
