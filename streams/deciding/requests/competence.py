"""Whether the law that a request names gives its authority this power, and which authority has it if not."""

from collections.abc import Mapping
from datetime import date

from streams.contract.events.authority_request import AuthorityRequest, Demand, LegalBasis
from streams.contract.events.authority_routing import Competence, CompetentAuthority, Norm
from streams.deciding.law.routing import unverified_note
from streams.deciding.requests.completeness import E_EVIDENCE, needs_judge, validation_of
from streams.deciding.requests.refusals import CONTENT_DEMANDS, DATA_DEMANDS, asks_for_data
from streams.deciding.requests.rules import RequestRules, country_of, is_member_state
from streams.registry.jurisdiction import AuthorityRole

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

# The demands that each law covers; national law may cover any. The acts of the Union were read in a
# public copy of EUR-Lex (docs/law-verified.md).
_COVERS: Mapping[LegalBasis, frozenset[Demand]] = {
    # Regulation (EU) 2022/2065 art. 9(1): to act against items of content. An account is not an item of
    # content.
    "dsa_art9": frozenset({"remove", "disable_access", "geo_disable"}),
    # Regulation (EU) 2022/2065 art. 10(1): to provide information on recipients of the service.
    "dsa_art10": DATA_DEMANDS | {"answer"},
    # Regulation (EU) 2021/784 art. 3(1): to remove content or disable access to it in all Member States, not
    # in one.
    "tco_art3": frozenset({"remove", "disable_access"}),
    # Regulation (EU) 2023/1543 art. 3(1): to produce data.
    "e_evidence_epoc": DATA_DEMANDS,
    # Regulation (EU) 2023/1543 art. 3(2): to preserve data for a request that follows.
    "e_evidence_epoc_pr": frozenset({"preserve_data"}),
}

# Under Protocol No 22 Denmark does not take part in measures under title V of part three of the TFEU.
NOT_IN_E_EVIDENCE = frozenset({"DK"})
# Regulation (EU) 2023/1543 art. 34.
E_EVIDENCE_APPLIES = date(2026, 8, 18)


def judge_competence(
    request: AuthorityRequest, received: date, rules: RequestRules
) -> tuple[Competence, tuple[CompetentAuthority, ...]]:
    """Return the verdict, and the competent authorities where this one is not, or not alone, competent."""
    country = country_of(request.authority.country)
    if request.legal_basis == "national_law":
        return _under_national_law(request, country, received, rules)
    norm = _NORMS[request.legal_basis]
    problem = _problem(request, country, received, rules)
    if problem is not None:
        return Competence(False, problem, norm), _belongs_to(request, country, received, rules)
    belongs: tuple[CompetentAuthority, ...] = ()
    if needs_judge(request) and request.authority.type != "court":
        unless = (
            ", unless the data only serve to identify the user"
            if validation_of(request) == "doubtful"
            else ""
        )
        belongs = _authorities(rules, country, ("court",), f"A judge must order or validate this{unless}.")
    return Competence(True, "The law named gives this power to authorities of this kind.", norm), belongs


def _problem(request: AuthorityRequest, country: str, received: date, rules: RequestRules) -> str | None:
    """Return why an authority of `country` cannot use the Union law that it names; None if it can.

    Judicial and administrative authorities: Regulation (EU) 2022/2065 art. 9(1) and 10(1), Regulation (EU)
    2021/784 art. 12(1). Courts, prosecutors and investigating authorities: Regulation (EU) 2023/1543 art. 4.
    Terrorist content only: Regulation (EU) 2021/784 art. 3(1).
    """
    basis = request.legal_basis
    problem = _problem_of_state(basis, country, received, rules)
    if problem is not None:
        return problem
    beyond = [demand for demand in request.demands if demand not in _COVERS[basis]]
    if request.authority.type == "government":
        problem = "This law is for judicial and administrative authorities, not for a government as such."
    elif beyond:
        problem = f"This law does not cover: {', '.join(beyond)}."
    elif (
        basis == "tco_art3"
        and request.category is not None
        and not rules.registry.categories[request.category].terrorist_content
    ):
        problem = "This law is for terrorist content only."
    return problem


def _problem_of_state(basis: LegalBasis, country: str, received: date, rules: RequestRules) -> str | None:
    """Return why no authority of `country` can use the law `basis`; None if they can.

    A regulation binds Member States (art. 288 TFEU), and each of these gives its powers to their authorities.
    """
    if not is_member_state(rules, country):
        return (
            f"Only authorities of Member States of the Union may use this law; {country} is not a Member "
            "State."
        )
    if basis in E_EVIDENCE:
        if country in NOT_IN_E_EVIDENCE:
            return f"The regulation does not bind {country} (Protocol No 22)."
        if received < E_EVIDENCE_APPLIES:
            return f"The regulation does not apply before {E_EVIDENCE_APPLIES.isoformat()}."
    return None


def _belongs_to(
    request: AuthorityRequest, country: str, received: date, rules: RequestRules
) -> tuple[CompetentAuthority, ...]:
    """Return the authorities that can act where this one cannot use the law that it names.

    Regulation (EU) 2021/784 art. 12(1) and the country's row in the registry say who orders the removal of
    terrorist content.
    """
    if not asks_for_data(request) and "preserve_data" not in request.demands:
        row = rules.registry.jurisdictions.get(country)
        if request.legal_basis == "tco_art3" and row is not None and row.tco_authority is not None:
            note = unverified_note(rules.registry, row.tco_authority)
            reason = f"It issues the removal orders of this country.{note}"
            return (CompetentAuthority(country, row.tco_authority, reason),)
        reason = "A request under the law of its own country, with effect in its own territory."
        return _authorities(rules, country, ("court", "regulator"), reason)
    return _way_to_data(country, received, rules)


def _way_to_data(country: str, received: date, rules: RequestRules) -> tuple[CompetentAuthority, ...]:
    """Return the authorities through which `country` can obtain data.

    States bound by Regulation (EU) 2023/1543 issue an order under it (art. 1(1); addressee, art. 7). All
    others use mutual legal assistance, which GDPR art. 48 asks of states outside the Union.
    """
    if (
        is_member_state(rules, country)
        and country not in NOT_IN_E_EVIDENCE
        and received >= E_EVIDENCE_APPLIES
    ):
        reason = "A European Production or Preservation Order, addressed to the legal representative."
        return _authorities(rules, country, ("court", "prosecutor"), reason)
    reason = (
        "Judicial cooperation (mutual legal assistance) with the state in which the platform is established "
        "or represented."
    )
    return _authorities(rules, rules.home, ("court", "prosecutor", "ministry"), reason)


def _under_national_law(
    request: AuthorityRequest, country: str, received: date, rules: RequestRules
) -> tuple[Competence, tuple[CompetentAuthority, ...]]:
    """Judge a request under national law.

    It covers content in the country's own territory, and data if the platform is established or represented
    there. Both rules are policy. For states outside the Union, GDPR art. 48 says the same about data. A
    Member State may reach further by its own law than the state of the representative, and punish who does
    not answer: then a lawyer decides, and nothing follows by itself.
    """
    if country == "XX":
        return Competence(False, "The requesting state is unknown.", None), ()
    data = asks_for_data(request) or "preserve_data" in request.demands
    platform = rules.registry.platform
    if (
        data
        and rules.home is not None
        and country not in (platform.establishment, platform.legal_representative)
    ):
        if is_member_state(rules, country):
            return Competence(True, _contested(country), None, contested=True), _way_to_data(
                country, received, rules
            )
        reason = (
            f"The platform is neither established nor represented in {country}; the law of {country} alone "
            "does not give access to data held elsewhere."
        )
        return Competence(False, reason, _GDPR_48), _way_to_data(country, received, rules)
    where = "its own territory" if not CONTENT_DEMANDS.isdisjoint(request.demands) else "its own state"
    return Competence(True, f"National law has effect in {where}.", None), ()


def _contested(country: str) -> str:
    # The Belgian judgment is known from quotations.
    return (
        f"Reach contested: the platform is neither established nor represented in {country}. Courts of "
        "Member States have held that such an order binds whoever offers a service in their state (Belgium, "
        "Court of Cassation, 19 February 2019, Skype), and not to answer it may be punished there. A lawyer "
        "decides today whether it is followed, refused, or answered by naming another way."
    )


def _authorities(
    rules: RequestRules, country: str | None, roles: tuple[AuthorityRole, ...], reason: str
) -> tuple[CompetentAuthority, ...]:
    row = rules.registry.jurisdictions.get(country) if country is not None else None
    known = [] if row is None else [authority for authority in row.authorities if authority.role in roles]
    if not known:
        return (CompetentAuthority(country, None, reason),)
    return tuple(
        CompetentAuthority(country, authority.id, f"{reason}{unverified_note(rules.registry, authority.id)}")
        for authority in known
    )
