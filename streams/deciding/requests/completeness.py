"""The elements that the law requires of a request, and those that are missing."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from streams.contract.events.authority_request import (
    AuthorityRequest,
    AuthorityType,
    IntakeElement,
    LegalBasis,
    RequestElement,
)
from streams.contract.events.authority_routing import LanguageFinding
from streams.deciding.requests.rules import RequestRules
from streams.registry.obligation import Obligation

_ELEMENTS: tuple[RequestElement, ...] = get_args(RequestElement)
_INTAKE_ELEMENTS: tuple[IntakeElement, ...] = get_args(IntakeElement)

# What every European Production or Preservation Order Certificate has. The provider gets the certificate and
# not the order: by Regulation (EU) 2023/1543 art. 9(2) and (3) it holds what art. 5(5)(a) to (h) or 6(4)(a)
# to (f) list. The grounds for necessity and the summary of the case come after these in the lists, so a
# provider never sees them. Point (c) is the user "except where the sole purpose of the order is to identify
# the user, or any other unique identifier".
_CERTIFICATE: tuple[RequestElement, ...] = (
    "issuing_authority",
    "addressee",
    "specific_recipients",
    "data_category",
    "criminal_provision",
)

# The minimum that each law requires, also where the registry has no row. Elements required only "where
# applicable" are left out. The language is not among them: see `_ASKED`.
_REQUIRED: Mapping[LegalBasis, tuple[RequestElement, ...]] = {
    # Regulation (EU) 2022/2065 art. 9(2)(a) and (c). The territorial scope of (b) limits an order; it is no
    # part of it.
    "dsa_art9": (
        "legal_basis",
        "statement_of_reasons",
        "issuing_authority",
        "exact_location",
        "redress_information",
    ),
    # Regulation (EU) 2022/2065 art. 10(2)(a).
    "dsa_art10": ("legal_basis", "issuing_authority", "specific_recipients", "redress_information"),
    # Regulation (EU) 2021/784 art. 3(4).
    "tco_art3": (
        "legal_basis",
        "statement_of_reasons",
        "issuing_authority",
        "exact_location",
        "redress_information",
        "issued_at",
        "signature",
    ),
    "e_evidence_epoc": _CERTIFICATE,
    "e_evidence_epoc_pr": _CERTIFICATE,
    # No instrument: GNI and the Manila Principles ask that any request name a law and an authority that
    # answers for it.
    "national_law": ("legal_basis", "issuing_authority"),
}

# What a lawyer judges if it is absent, whatever the registry says. That an order is in a language which the
# provider declared is a condition (Digital Services Act art. 9(2)(c), 10(2)(c); Regulation (EU) 2021/784 art.
# 15(2)), but a clock of an hour may not stand still for an argument about it, and the order may be understood
# all the same.
_ASKED: Mapping[LegalBasis, tuple[IntakeElement, ...]] = {
    "dsa_art9": ("accepted_language",),
    "dsa_art10": ("accepted_language",),
    "tco_art3": ("accepted_language",),
}

# Digital Services Act art. 10(2)(a)(iv): the reasons may be withheld for the sake of preventing,
# investigating and prosecuting offences. A request does not say whether they are; these are the authorities
# with that task.
_KEEPS_REASONS: frozenset[AuthorityType] = frozenset({"prosecutor", "police"})

E_EVIDENCE: frozenset[LegalBasis] = frozenset({"e_evidence_epoc", "e_evidence_epoc_pr"})

# Regulation (EU) 2023/1543 art. 4(1)-(3): who may issue an order without validation by a judge or prosecutor.
_ISSUES_ALONE: frozenset[AuthorityType] = frozenset({"court", "prosecutor"})

# How an order stands to validation: it needs none or has it; it lacks it; it may need it, which only its
# purpose can tell; or it is validated afterwards.
Validation = Literal["settled", "missing", "doubtful", "afterwards"]


def needs_judge(request: AuthorityRequest) -> bool:
    """Return whether e-Evidence asks for data that only a judge may order or validate (art. 4(2)).

    Content data, and traffic data unless it is known that they are sought only to identify the user.
    """
    if request.legal_basis != "e_evidence_epoc":
        return False
    return "produce_content_data" in request.demands or (
        "produce_traffic_data" in request.demands and request.only_to_identify is not True
    )


def validation_of(request: AuthorityRequest) -> Validation:
    """Return whether an order under e-Evidence is issued or validated as it must be (art. 4).

    A prosecutor may order traffic data alone if they are sought only to identify the user (art. 4(1)): if the
    intake does not say that, a lawyer does. In an emergency an authority that is neither may order such data,
    subscriber data or a preservation first, and seek validation within 48 hours (art. 4(5)).
    """
    asker = request.authority.type
    if request.legal_basis not in E_EVIDENCE or "judicial_validation" in request.elements:
        return "settled"
    if needs_judge(request):
        unknown = request.only_to_identify is None and "produce_content_data" not in request.demands
        if asker == "prosecutor" and unknown:
            return "doubtful"
        return "settled" if asker == "court" else "missing"
    if asker in _ISSUES_ALONE:
        return "settled"
    return "afterwards" if request.emergency else "missing"


def missing_elements(
    request: AuthorityRequest, language: LanguageFinding, duties: Iterable[Obligation]
) -> tuple[RequestElement, ...]:
    """Return the elements that the law or one of `duties` requires and the request lacks, in enum order.

    Grounds for an emergency: Regulation (EU) 2023/1543 art. 5(5).
    """
    required: set[str] = set(_REQUIRED[request.legal_basis])
    if request.legal_basis == "dsa_art10" and request.authority.type not in _KEEPS_REASONS:
        required.add("statement_of_reasons")
    for duty in duties:
        required.update(duty.required_elements)
    if validation_of(request) == "missing":
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
    asked.update(_ASKED.get(request.legal_basis, ()))
    if validation_of(request) == "doubtful":
        asked.add("judicial_validation")
    if request.legal_basis in E_EVIDENCE and language.verdict == "not_accepted":
        # Regulation (EU) 2023/1543 art. 9(4): where needed, a certificate is translated into a language that
        # the addressee accepts. One whose language is not known is taken to be in such a language.
        asked.add("accepted_language")
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
