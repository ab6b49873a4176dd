"""Which elements the law asks of a request, and which of them are missing."""

from collections.abc import Iterable, Mapping
from typing import get_args

from streams.events.authority_request import AuthorityRequest, AuthorityType, LegalBasis, RequestElement
from streams.events.authority_routing import LanguageFinding
from streams.registry.rules import Obligation
from streams.requests.rules import RequestRules

_ELEMENTS: tuple[RequestElement, ...] = get_args(RequestElement)

# The least that each law asks for, also where the registry has no row. What a law asks for only "where applicable" is
# not here. Of Regulations 2021/784 and 2023/1543 only summaries were read.
_REQUIRED: Mapping[LegalBasis, tuple[RequestElement, ...]] = {
    # Regulation (EU) 2022/2065 art. 9(2).
    "dsa_art9": (
        "legal_basis",
        "statement_of_reasons",
        "issuing_authority",
        "exact_location",
        "redress_information",
        "territorial_scope",
        "accepted_language",
    ),
    # Regulation (EU) 2022/2065 art. 10(2).
    "dsa_art10": (
        "legal_basis",
        "issuing_authority",
        "specific_recipients",
        "redress_information",
        "accepted_language",
    ),
    # Regulation (EU) 2021/784 art. 3(4); for the language art. 15(2).
    "tco_art3": (
        "legal_basis",
        "statement_of_reasons",
        "issuing_authority",
        "exact_location",
        "redress_information",
        "accepted_language",
        "issued_at",
        "signature",
    ),
    # Regulation (EU) 2023/1543 art. 5(5).
    "e_evidence_epoc": (
        "issuing_authority",
        "addressee",
        "specific_recipients",
        "data_category",
        "criminal_provision",
        "necessity",
    ),
    # Regulation (EU) 2023/1543 art. 6(3).
    "e_evidence_epoc_pr": (
        "issuing_authority",
        "addressee",
        "specific_recipients",
        "data_category",
        "criminal_provision",
        "necessity",
    ),
    # No instrument: what GNI and the Manila Principles ask of any request, a law and somebody who answers for it.
    "national_law": ("legal_basis", "issuing_authority"),
}

# Digital Services Act art. 10(2)(a)(iv): reasons may be kept back for the sake of preventing, investigating and
# prosecuting offences. A request does not say so; these are the authorities whose work that is.
_KEEPS_REASONS: frozenset[AuthorityType] = frozenset({"prosecutor", "police"})

# Regulation (EU) 2023/1543 art. 4(1)-(3): who may issue an order without a judge's or prosecutor's validation. Traffic
# data asked for only to identify a user count as subscriber data there; a request does not say so, and the stricter
# rule is taken.
_ISSUES_ALONE: frozenset[AuthorityType] = frozenset({"court", "prosecutor"})
_ISSUES_CONTENT_ALONE: frozenset[AuthorityType] = frozenset({"court"})


def needs_judge(request: AuthorityRequest) -> bool:
    """Whether e-Evidence asks for traffic or content data, which only a judge may order or validate."""
    return request.legal_basis == "e_evidence_epoc" and not {
        "produce_traffic_data",
        "produce_content_data",
    }.isdisjoint(request.demands)


def missing_elements(
    request: AuthorityRequest, language: LanguageFinding, duties: Iterable[Obligation]
) -> tuple[RequestElement, ...]:
    """What the law or one of `duties` asks for and the request lacks, in the order of the enumeration.

    Validation: Regulation (EU) 2023/1543 art. 4(1)-(3); grounds for an emergency: the same, art. 5(5).
    """
    required: set[str] = set(_REQUIRED[request.legal_basis])
    if request.legal_basis == "dsa_art10" and request.authority.type not in _KEEPS_REASONS:
        required.add("statement_of_reasons")
    for duty in duties:
        required.update(duty.required_elements)
    if request.legal_basis in ("e_evidence_epoc", "e_evidence_epoc_pr"):
        alone = _ISSUES_CONTENT_ALONE if needs_judge(request) else _ISSUES_ALONE
        if request.authority.type not in alone:
            required.add("judicial_validation")
    if request.legal_basis == "e_evidence_epoc" and request.emergency:
        required.add("emergency_justification")
    present = present_elements(request, language)
    return tuple(element for element in _ELEMENTS if element in required and element not in present)


def present_elements(request: AuthorityRequest, language: LanguageFinding) -> frozenset[str]:
    """The elements of the request; its language may be one that is accepted without anybody saying so."""
    present: set[str] = set(request.elements)
    if language.verdict == "accepted":
        present.add("accepted_language")
    return frozenset(present)


def language_finding(request: AuthorityRequest, rules: RequestRules) -> LanguageFinding:
    """Whether the request can be read. DSA art. 9(2)(c) and 10(2)(c) let a translation stand in for the language."""
    accepted = rules.accepted_languages
    language = request.language
    if language is not None and _primary(language) in map(_primary, accepted):
        return LanguageFinding(language, "accepted", accepted)
    if "accepted_language" in request.elements:
        return LanguageFinding(language, "translated" if language is not None else "accepted", accepted)
    return LanguageFinding(language, "unknown" if language is None else "not_accepted", accepted)


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
