"""Demands that are always refused, no matter who makes them and what the registry says.

The refusals are code, not data, so configuration cannot remove them. Each names the human-rights norms that
compliance would violate. A demand may be explicit (`encryption_keys`) or disguised as a usual one: data on
everybody who took part in something, or the removal of a call to a peaceful assembly. What no norm forbids is
not refused here, however unusual: data on many named persons go to a gate (see `why_many`).
"""

import msgspec

from streams.contract.events.authority_request import AuthorityRequest, Demand, Target
from streams.contract.events.authority_routing import Norm, Refusal
from streams.registry.jurisdiction import RuleOfLawTier

DATA_DEMANDS: frozenset[Demand] = frozenset(
    {"produce_subscriber_data", "produce_traffic_data", "produce_content_data"}
)
CONTENT_DEMANDS: frozenset[Demand] = frozenset(
    {"remove", "disable_access", "geo_disable", "restrict_account"}
)

# The most named people on whom a request may ask for data without a gate of its own. Policy: no norm has a
# number (Digital Services Act art. 10(1): "one or more specific individual recipients"; Regulation (EU)
# 2023/1543 art. 5(2): necessary and proportionate), so more are not refused. Ten covers the suspects of one
# case; a longer list may be a group, which is identified by what its members did.
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
    return _why_unspecific(request.target) is None and _how_many(request.target) is None


def asks_for_data(request: AuthorityRequest) -> bool:
    """Return whether data on persons are requested, including by an answer that would say who they are.

    An answer counts as such unless the request says that it asks for nobody's data: `target.people` is 0.
    """
    return not DATA_DEMANDS.isdisjoint(request.demands) or (
        "answer" in request.demands and request.target.people != 0
    )


def why_many(request: AuthorityRequest) -> str | None:
    """Return why a request for data may be about many people, though it says that it names each of them.

    None if it is about a few, asks for no data, or is refused because it names nobody.
    """
    if not asks_for_data(request) or _why_unspecific(request.target) is not None:
        return None
    return _how_many(request.target)


def _why_bulk(request: AuthorityRequest) -> str | None:
    """Return which field asks for data on everybody, and what would be valid; None if none does."""
    if "bulk_identify" in request.demands:
        return "demands: bulk_identify is refused to everybody; ask for data on named persons."
    if not asks_for_data(request):
        return None
    problem = _why_unspecific(request.target)
    if problem is None and "peaceful_assembly" in request.concerns:
        # Many people who took part in an assembly are named for having been there.
        problem = _how_many(request.target)
    if problem is not None and DATA_DEMANDS.isdisjoint(request.demands):
        problem += " Or target.people: 0, if the answer is about nobody."
    return problem


def _why_unspecific(target: Target) -> str | None:
    """Return which field says that no specific persons are meant; None if none does."""
    if target.kind == "service":
        return (
            "target.kind: the users of a service are not specific persons; must be account, persons, "
            "message or channel."
        )
    if not target.specific:
        return "target.specific: must be true, which says that the request itself names each person."
    return None


def _how_many(target: Target) -> str | None:
    """Return on how many people a request asks for data; None if it is clear that they are few."""
    most = MOST_PEOPLE_OF_CONTENT if target.kind in ("channel", "message") else MOST_PEOPLE
    if target.people is not None:
        if 1 <= target.people <= most:
            return None
        of_content = f" of one {target.kind}" if most == MOST_PEOPLE_OF_CONTENT else ""
        return f"The request asks for data on {target.people} people{of_content}."
    # One person holds an account and one wrote a message. A channel has members too, and `persons` any
    # number.
    if target.kind in ("account", "message") and target.ref is not None:
        return None
    return "The request does not say on how many people it asks for data."
