"""Demands that are always refused, no matter who makes them and what the registry says.

The refusals are code, not data, so configuration cannot remove them. Each names the human-rights norms that
compliance would violate. A demand may be explicit (`encryption_keys`) or disguised as a usual one: data on
everybody who took part in something, or the removal of a call to a peaceful assembly.
"""

import msgspec

from streams.contract.events.authority_request import AuthorityRequest, Demand, Target
from streams.contract.events.authority_routing import Norm, Refusal
from streams.registry.rules import RuleOfLawTier

DATA_DEMANDS: frozenset[Demand] = frozenset(
    {"produce_subscriber_data", "produce_traffic_data", "produce_content_data"}
)
CONTENT_DEMANDS: frozenset[Demand] = frozenset(
    {"remove", "disable_access", "geo_disable", "restrict_account"}
)

# The most people on whom one request may ask for data. A targeted order gives reasons for each person
# (Digital Services Act art. 10(1): specific individual recipients; Regulation (EU) 2023/1543 art. 5(2):
# necessary and proportionate), and a person reviews each before anything is disclosed. Ten covers the
# suspects of one case; a longer list is a group, which is identified by what its members did. More suspects
# need more requests, each with reasons of its own.
MOST_PEOPLE = 10
# One person owns a channel and one wrote a message. More people of a channel or message are members or
# readers.
MOST_PEOPLE_OF_CONTENT = 1

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
            "European Court of Human Rights, Podchasov v. Russia, no. 33696/19, 13 February 2024, paragraphs "
            "80-81: a duty to decrypt end-to-end encrypted communications violates article 8 of the "
            "Convention",
            "https://hudoc.echr.coe.int/eng?i=001-230854",
        ),
        _CHARTER_PRIVACY,
        _CONVENTION_PRIVACY,
        _COVENANT_PRIVACY,
    ),
)
BULK_IDENTIFY = Refusal(
    "bulk_identify",
    "Data are disclosed only on a few individually named persons, never on everybody who took part, was "
    "present or wrote.",
    (
        Norm(
            "Digital Services Act, article 10(1): information about one or more specific individual "
            "recipients",
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
    "Requests about categories used against dissent are refused to countries whose courts do not protect "
    "dissent.",
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
    bulk = _why_bulk(request)
    if bulk is not None:
        found.append(msgspec.structs.replace(BULK_IDENTIFY, reason=f"{BULK_IDENTIFY.reason} {bulk}"))
    if "block_protest" in demands or ("peaceful_assembly" in request.concerns and demands & CONTENT_DEMANDS):
        found.append(BLOCK_PROTEST)
    return tuple(found)


def targets_individuals(request: AuthorityRequest) -> bool:
    """Return whether the request is about a few specific persons."""
    return _why_no_individuals(request.target) is None


def asks_for_data(request: AuthorityRequest) -> bool:
    """Return whether data on persons are requested, including by an answer that would say who they are.

    An answer counts as such unless the request says that it asks for nobody's data: `target.people` is 0.
    """
    return not DATA_DEMANDS.isdisjoint(request.demands) or (
        "answer" in request.demands and request.target.people != 0
    )


def _why_bulk(request: AuthorityRequest) -> str | None:
    """Return which field asks for data on many people, and what would be valid; None if none does."""
    if "bulk_identify" in request.demands:
        return "demands: bulk_identify is refused to everybody; ask for data on named persons."
    if not asks_for_data(request):
        return None
    problem = _why_no_individuals(request.target)
    if problem is not None and DATA_DEMANDS.isdisjoint(request.demands):
        problem += " Or target.people: 0, if the answer is about nobody."
    return problem


def _why_no_individuals(target: Target) -> str | None:
    """Return which field is missing or wrong for a target of a few specific persons; None if none is."""
    most = MOST_PEOPLE_OF_CONTENT if target.kind in ("channel", "message") else MOST_PEOPLE
    valid = "1" if most == 1 else f"a number from 1 to {most}"
    problem = None
    if target.kind == "service":
        problem = (
            "target.kind: the users of a service are not specific persons; must be account, persons, "
            "message or channel."
        )
    elif not target.specific:
        problem = "target.specific: must be true, which says that the request itself names each person."
    elif target.people is not None:
        if not 1 <= target.people <= most:
            problem = f"target.people: must be {valid} for target.kind {target.kind}, not {target.people}."
    # One person holds an account and one wrote a message. A channel has members too, and `persons` any
    # number.
    elif target.kind not in ("account", "message"):
        problem = f"target.people: must be given for target.kind {target.kind}, and be {valid}."
    elif target.ref is None:
        problem = f"target.ref: must name the {target.kind}, or target.people must be {valid}."
    return problem
