"""A request of an authority as a sentence: what it is, who asks for what, where; and the evidence."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from streams.contract.events.authority_request import (
    AuthorityType,
    Demand,
    LegalBasis,
    RequestElement,
    RequestKind,
)
from streams.contract.events.authority_routing import AuthorityRouting, RoutingDecision
from streams.contract.events.report import Category
from streams.desk.text.case_sentence import MOST_FACTS, Sentence
from streams.desk.text.category_words import category_title
from streams.desk.text.country_names import in_places, place_name

_KINDS: Final[Mapping[RequestKind, str]] = {
    "order_to_act": "Order to act",
    "order_for_information": "Order for information",
    "removal_order": "Removal order",
    "preservation_order": "Preservation order",
    "production_order": "Production order",
    "regulator_notice": "Regulator's notice",
}

_AUTHORITIES: Final[Mapping[AuthorityType, str]] = {
    "court": "a court",
    "prosecutor": "a prosecutor",
    "police": "police",
    "administrative": "an administrative authority",
    "regulator": "a regulator",
    "government": "the government",
}

LEGAL_BASES: Final[Mapping[LegalBasis, str]] = {
    "dsa_art9": "Digital Services Act, art. 9",
    "dsa_art10": "Digital Services Act, art. 10",
    "tco_art3": "Terrorist Content Regulation, art. 3",
    "e_evidence_epoc": "e-Evidence Regulation, production order",
    "e_evidence_epoc_pr": "e-Evidence Regulation, preservation order",
    "national_law": "law of the authority's own country",
}
"""The laws that requests cite, by their short names."""

_DEMANDS: Final[Mapping[Demand, str]] = {
    "remove": "removal",
    "disable_access": "that access is disabled",
    "geo_disable": "that access is disabled in a country",
    "restrict_account": "that an account is restricted",
    "preserve_data": "that data are kept",
    "produce_subscriber_data": "data of subscribers",
    "produce_traffic_data": "traffic data",
    "produce_content_data": "content",
    "answer": "an answer",
    "encryption_keys": "encryption keys",
    "bulk_identify": "to know who many people are",
    "block_protest": "that a protest is blocked",
}


class RequestFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the judgement of a request says that a sentence about it needs.

    `takes_effect` are countries or regions; `missing` are elements that the law requires.
    """

    kind: RequestKind
    authority: AuthorityType
    country: str
    demands: tuple[Demand, ...]
    decision: RoutingDecision
    category: Category | None = None
    takes_effect: tuple[str, ...] = ()
    competent: bool = True
    contested: bool = False
    missing: tuple[RequestElement, ...] = ()


def request_facts(judged: AuthorityRouting) -> RequestFacts:
    """The facts of a request. `judged` is its first step."""
    findings = judged.findings
    known = RequestFacts(
        judged.kind,
        judged.authority.type,
        judged.authority.country,
        judged.demands,
        judged.decision,
        judged.category,
    )
    if findings is None:
        return known
    return msgspec.structs.replace(
        known,
        takes_effect=findings.territory.codes,
        competent=findings.competence.competent,
        contested=findings.competence.contested,
        missing=findings.missing,
    )


def request_sentence(facts: RequestFacts) -> Sentence:
    """The sentence of a request. What its judgement does not say is left out."""
    who = f"{_AUTHORITIES[facts.authority]}{in_places([facts.country])}"
    verb = "demand" if facts.authority == "police" else "demands"
    *most, last = map(_DEMANDS.__getitem__, facts.demands)
    demands = f"{', '.join(most)} and {last}" if most else last
    return Sentence(
        _KINDS[facts.kind],
        f"{who} {verb} {demands}{_effect(facts)}",
        tuple(islice(_evidence(facts), MOST_FACTS)),
    )


def _effect(facts: RequestFacts) -> str:
    """Where it would take effect, unless that is where the authority is."""
    codes = [code for code in facts.takes_effect if place_name(code)]
    if codes == [facts.country]:
        return ""
    return in_places(codes).replace(" in the European Union", " in the whole European Union")


def _evidence(facts: RequestFacts) -> Iterator[str]:
    if facts.decision == "refused":
        yield "to be refused, whichever authority asks"
    elif facts.missing:
        lacks = ", ".join(each.replace("_", " ") for each in facts.missing)
        yield f"lacks {lacks}"
    elif not facts.competent:
        yield "another authority would be competent"
    else:
        yield "complete, but its reach is contested" if facts.contested else "complete and competent"
    if facts.category is not None:
        yield category_title(facts.category).lower()
