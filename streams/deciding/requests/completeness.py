"""The elements that the law requires of a request, and those that are missing."""

from collections.abc import Iterable, Mapping
from typing import get_args

from streams.contract.events.authority_request import (
    AuthorityRequest,
    AuthorityType,
    IntakeElement,
    LegalBasis,
    RequestElement,
)
from streams.contract.events.authority_routing import LanguageFinding
from streams.deciding.requests.rules import RequestRules
from streams.registry.rules import Obligation

_ELEMENTS: tuple[RequestElement, ...] = get_args(RequestElement)
_INTAKE_ELEMENTS: tuple[IntakeElement, ...] = get_args(IntakeElement)

# What every European Production or Preservation Order Certificate has. The provider gets the certificate and
# not the order: by Regulation (EU) 2023/1543 art. 9(1) it holds what art. 5(5)(a) to (h) or 6(3)(a) to (f)
# list. The grounds for necessity and the summary of the case come after these in both lists, so a provider
# never sees them. Art. 9(1) was read in a parallel corpus of the regulation's languages, the lists in
# summaries.
_CERTIFICATE: tuple[RequestElement, ...] = (
    "issuing_authority",
    "addressee",
    "specific_recipients",
    "data_category",
    "criminal_provision",
)

# The minimum that each law requires, also where the registry has no row. Elements required only "where
# applicable" are left out. Of Regulation 2021/784 only summaries were read.
_REQUIRED: Mapping[LegalBasis, tuple[RequestElement, ...]] = {
    # Regulation (EU) 2022/2065 art. 9(2)(a) and (c). The territorial scope of (b) limits an order; it is no
    # part of it.
    "dsa_art9": (
        "legal_basis",
        "statement_of_reasons",
        "issuing_authority",
        "exact_location",
        "redress_information",
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
    "e_evidence_epoc": _CERTIFICATE,
    "e_evidence_epoc_pr": _CERTIFICATE,
    # No instrument: GNI and the Manila Principles ask that any request name a law and an authority that
    # answers for it.
    "national_law": ("legal_basis", "issuing_authority"),
}

# Digital Services Act art. 10(2)(a)(iv): the reasons may be withheld for the sake of preventing,
# investigating and prosecuting offences. A request does not say whether they are; these are the authorities
# with that task.
_KEEPS_REASONS: frozenset[AuthorityType] = frozenset({"prosecutor", "police"})

# Regulation (EU) 2023/1543 art. 4(1)-(3): who may issue an order without validation by a judge or prosecutor.
# There, traffic data requested only to identify a user count as subscriber data; a request does not say so,
# so the stricter rule applies.
_ISSUES_ALONE: frozenset[AuthorityType] = frozenset({"court", "prosecutor"})
_ISSUES_CONTENT_ALONE: frozenset[AuthorityType] = frozenset({"court"})


def needs_judge(request: AuthorityRequest) -> bool:
    """Return whether e-Evidence asks for traffic or content data: only a judge may order or validate that."""
    return request.legal_basis == "e_evidence_epoc" and not {
        "produce_traffic_data",
        "produce_content_data",
    }.isdisjoint(request.demands)


def missing_elements(
    request: AuthorityRequest, language: LanguageFinding, duties: Iterable[Obligation]
) -> tuple[RequestElement, ...]:
    """Return the elements that the law or one of `duties` requires and the request lacks, in enum order.

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


def questions_of(
    request: AuthorityRequest, language: LanguageFinding, duties: Iterable[Obligation]
) -> tuple[IntakeElement, ...]:
    """Return the elements whose absence a lawyer must judge before the request is followed, in enum order."""
    asked = {element for duty in duties for element in duty.questions}
    asked -= present_elements(request, language)
    return tuple(element for element in _INTAKE_ELEMENTS if element in asked)


def present_elements(request: AuthorityRequest, language: LanguageFinding) -> frozenset[str]:
    """Return the elements of the request, with what follows from its other fields.

    `accepted_language`: its language is an accepted one. `senior_officer`: it comes from a court, where no
    rank is asked for.
    """
    present: set[str] = set(request.elements)
    if language.verdict == "accepted":
        present.add("accepted_language")
    if request.authority.type == "court":
        present.add("senior_officer")
    return frozenset(present)


def language_finding(request: AuthorityRequest, rules: RequestRules) -> LanguageFinding:
    """Return whether the request is in an accepted language.

    DSA art. 9(2)(c) and 10(2)(c) allow a translation instead.
    """
    accepted = rules.accepted_languages
    language = request.language
    if language is not None and _primary(language) in map(_primary, accepted):
        return LanguageFinding(language, "accepted", accepted)
    if "accepted_language" in request.elements:
        return LanguageFinding(language, "translated" if language is not None else "accepted", accepted)
    return LanguageFinding(language, "unknown" if language is None else "not_accepted", accepted)


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
