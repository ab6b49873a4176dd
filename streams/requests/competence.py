"""Whether the law that a request names gives its authority that power, and to whom it belongs if not."""

from collections.abc import Mapping
from datetime import date

from streams.events.authority_request import AuthorityRequest, Demand, LegalBasis
from streams.events.authority_routing import Competence, CompetentAuthority, Norm
from streams.law.routing import unverified_note
from streams.registry.rules import AuthorityRole
from streams.requests.completeness import needs_judge
from streams.requests.refusals import CONTENT_DEMANDS, DATA_DEMANDS
from streams.requests.rules import RequestRules, country_of, is_member_state

_DSA = "http://data.europa.eu/eli/reg/2022/2065/oj"
_E_EVIDENCE = "http://data.europa.eu/eli/reg/2023/1543/oj"

# Who may issue each kind of order.
_NORMS: Mapping[LegalBasis, Norm] = {
    "dsa_art9": Norm("Regulation (EU) 2022/2065 (Digital Services Act), article 9(1)", _DSA),
    "dsa_art10": Norm("Regulation (EU) 2022/2065 (Digital Services Act), article 10(1)", _DSA),
    "tco_art3": Norm(
        "Regulation (EU) 2021/784, articles 3(1) and 12(1)", "http://data.europa.eu/eli/reg/2021/784/oj"
    ),
    "e_evidence_epoc": Norm("Regulation (EU) 2023/1543, article 4(1)-(2)", _E_EVIDENCE),
    "e_evidence_epoc_pr": Norm("Regulation (EU) 2023/1543, article 4(3)", _E_EVIDENCE),
}
_GDPR_48 = Norm("Regulation (EU) 2016/679 (GDPR), article 48", "http://data.europa.eu/eli/reg/2016/679/oj")

# What each law is about; national law may be about anything. Of Regulations 2021/784 and 2023/1543 only summaries were
# read, here and below.
_COVERS: Mapping[LegalBasis, frozenset[Demand]] = {
    # Regulation (EU) 2022/2065 art. 9(1): to act against items of content. An account is none.
    "dsa_art9": frozenset({"remove", "disable_access", "geo_disable"}),
    # Regulation (EU) 2022/2065 art. 10(1): to provide information on recipients of the service.
    "dsa_art10": DATA_DEMANDS | {"answer"},
    # Regulation (EU) 2021/784 art. 3(1): to remove content or disable access to it in all Member States, not in one.
    "tco_art3": frozenset({"remove", "disable_access"}),
    # Regulation (EU) 2023/1543 art. 3(1): to produce data.
    "e_evidence_epoc": DATA_DEMANDS,
    # Regulation (EU) 2023/1543 art. 3(2): to preserve data for a request that follows.
    "e_evidence_epoc_pr": frozenset({"preserve_data"}),
}

# Protocol No 22 keeps Denmark out of what the Union does under title V of part three of its treaty.
NOT_IN_E_EVIDENCE = frozenset({"DK"})
# Regulation (EU) 2023/1543 art. 34.
E_EVIDENCE_APPLIES = date(2026, 8, 18)

_E_EVIDENCE_BASES: tuple[LegalBasis, ...] = ("e_evidence_epoc", "e_evidence_epoc_pr")


def judge_competence(
    request: AuthorityRequest, received: date, rules: RequestRules
) -> tuple[Competence, tuple[CompetentAuthority, ...]]:
    """The verdict, and whom the request belongs to where it is not for this authority, or not for it alone."""
    country = country_of(request.authority.country)
    if request.legal_basis == "national_law":
        return _under_national_law(request, country, received, rules)
    norm = _NORMS[request.legal_basis]
    problem = _problem(request, country, received, rules)
    if problem is not None:
        return Competence(False, problem, norm), _belongs_to(request, country, received, rules)
    belongs: tuple[CompetentAuthority, ...] = ()
    if needs_judge(request) and request.authority.type != "court":
        belongs = _authorities(rules, country, ("court",), "A judge must order or validate this.")
    return Competence(True, "The law named gives an authority of this kind this power.", norm), belongs


def _problem(request: AuthorityRequest, country: str, received: date, rules: RequestRules) -> str | None:
    """Why an authority of `country` cannot use the law of the Union that it names; None if it can.

    Judicial and administrative authorities: Regulation (EU) 2022/2065 art. 9(1) and 10(1), Regulation (EU) 2021/784
    art. 12(1); courts, prosecutors and those who investigate: Regulation (EU) 2023/1543 art. 4. Terrorist content only:
    Regulation (EU) 2021/784 art. 3(1).
    """
    basis = request.legal_basis
    problem = _problem_of_state(basis, country, received, rules)
    if problem is not None:
        return problem
    beyond = [demand for demand in request.demands if demand not in _COVERS[basis]]
    if request.authority.type == "government":
        problem = "It is for judicial and administrative authorities, not for a government as such."
    elif beyond:
        problem = f"It does not cover: {', '.join(beyond)}."
    elif basis == "tco_art3" and request.category not in (None, "terrorism"):
        problem = "It is for terrorist content only."
    return problem


def _problem_of_state(basis: LegalBasis, country: str, received: date, rules: RequestRules) -> str | None:
    """A regulation binds Member States (art. 288 TFEU); each of these gives its powers to their authorities."""
    if not is_member_state(rules, country):
        return f"Only authorities of Member States of the Union may use it; {country} is none."
    if basis in _E_EVIDENCE_BASES:
        if country in NOT_IN_E_EVIDENCE:
            return f"The regulation does not bind {country} (Protocol No 22)."
        if received < E_EVIDENCE_APPLIES:
            return f"The regulation applies from {E_EVIDENCE_APPLIES.isoformat()} on."
    return None


def _belongs_to(
    request: AuthorityRequest, country: str, received: date, rules: RequestRules
) -> tuple[CompetentAuthority, ...]:
    """Where an authority that cannot use this law finds a way that is open to it.

    Who orders the removal of terrorist content: Regulation (EU) 2021/784 art. 12(1), and the registry's row of the
    country.
    """
    if DATA_DEMANDS.isdisjoint(request.demands) and "preserve_data" not in request.demands:
        row = rules.rules.jurisdictions.get(country)
        if request.legal_basis == "tco_art3" and row is not None and row.tco_authority is not None:
            note = unverified_note(rules.rules, row.tco_authority)
            reason = f"It issues the removal orders of this country.{note}"
            return (CompetentAuthority(country, row.tco_authority, reason),)
        reason = "A request under the law of its own country, for effect in its own territory."
        return _authorities(rules, country, ("court", "regulator"), reason)
    return _way_to_data(country, received, rules)


def _way_to_data(country: str, received: date, rules: RequestRules) -> tuple[CompetentAuthority, ...]:
    """An order under Regulation (EU) 2023/1543 (art. 1(1); to whom, art. 7) for those whom it binds.

    For all others mutual legal assistance, which GDPR art. 48 asks for of states outside the Union.
    """
    if (
        is_member_state(rules, country)
        and country not in NOT_IN_E_EVIDENCE
        and received >= E_EVIDENCE_APPLIES
    ):
        reason = "A European Production or Preservation Order, to the legal representative."
        return _authorities(rules, country, ("court", "prosecutor"), reason)
    reason = "Judicial cooperation (mutual legal assistance) with the state where the platform answers."
    return _authorities(rules, rules.home, ("court", "prosecutor", "ministry"), reason)


def _under_national_law(
    request: AuthorityRequest, country: str, received: date, rules: RequestRules
) -> tuple[Competence, tuple[CompetentAuthority, ...]]:
    """National law reaches content in its own territory, and data where the platform answers to that state.

    Both are policy. To a state outside the Union, GDPR art. 48 says the same of data.
    """
    if country == "XX":
        return Competence(False, "It is not known which state asks.", None), ()
    data = not DATA_DEMANDS.isdisjoint(request.demands) or "preserve_data" in request.demands
    platform = rules.rules.platform
    if (
        data
        and rules.home is not None
        and country not in (platform.establishment, platform.legal_representative)
    ):
        reason = (
            f"The platform does not answer in {country}; its law alone does not open data held elsewhere."
        )
        norm = None if is_member_state(rules, country) else _GDPR_48
        return Competence(False, reason, norm), _way_to_data(country, received, rules)
    where = "its own territory" if not CONTENT_DEMANDS.isdisjoint(request.demands) else "its own state"
    return Competence(True, f"National law has effect in {where}.", None), ()


def _authorities(
    rules: RequestRules, country: str | None, roles: tuple[AuthorityRole, ...], reason: str
) -> tuple[CompetentAuthority, ...]:
    row = rules.rules.jurisdictions.get(country) if country is not None else None
    known = [] if row is None else [authority for authority in row.authorities if authority.role in roles]
    if not known:
        return (CompetentAuthority(country, None, reason),)
    return tuple(
        CompetentAuthority(country, authority.id, f"{reason}{unverified_note(rules.rules, authority.id)}")
        for authority in known
    )
