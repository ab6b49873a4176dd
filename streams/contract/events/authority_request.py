"""A request from an authority, as the platform records it: the payload of `tocsin.authority-request.v1`.

Orders arrive only as such requests, never as reports: a report cannot start a clock that requires an order.
"""

from typing import Annotated, Generic, Literal

import msgspec

from streams.contract.events.countries import Country
from streams.contract.events.report import KnownCategory, LanguageTag, Pseudonym, Ref, ZonedTime

AUTHORITY_REQUEST_TYPE = "tocsin.authority-request.v1"

RequestKind = Literal[
    "order_to_act",
    "order_for_information",
    "removal_order",
    "preservation_order",
    "production_order",
    "regulator_notice",
]
# The law that the request itself cites. `national_law` is the law of the authority's own country.
LegalBasis = Literal[
    "dsa_art9", "dsa_art10", "tco_art3", "e_evidence_epoc", "e_evidence_epoc_pr", "national_law"
]
AuthorityType = Literal["court", "prosecutor", "police", "administrative", "regulator", "government"]
# The last three are always refused, whatever the authority and the registry.
Demand = Literal[
    "remove",
    "disable_access",
    "geo_disable",
    "restrict_account",
    "preserve_data",
    "produce_subscriber_data",
    "produce_traffic_data",
    "produce_content_data",
    "answer",
    "encryption_keys",
    "bulk_identify",
    "block_protest",
]
# What DSA art. 9(2) and 10(2), TCO art. 3(4) and e-Evidence art. 5(5) and 6(4) require of an order.
# `necessity` is not in the certificate that a provider gets (e-Evidence art. 9(2)-(3)); it is accepted
# because intakes may send it, and never asked for.
RequestElement = Literal[
    "legal_basis",
    "statement_of_reasons",
    "issuing_authority",
    "exact_location",
    "redress_information",
    "follow_up_contact",
    "territorial_scope",
    "accepted_language",
    "specific_recipients",
    "issued_at",
    "signature",
    "addressee",
    "data_category",
    "time_range",
    "criminal_provision",
    "necessity",
    "judicial_validation",
    "emergency_justification",
]
# An order of a court, or a reasoned one of an officer of the rank that the law asks for (India, r. 3(1)(d)).
Formality = Literal["senior_officer"]
IntakeElement = Literal[RequestElement, Formality]
Concern = Literal["peaceful_assembly", "journalism", "human_rights_defence", "election"]


class IssuingAuthority(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The authority that makes the request.

    `ref` is the intake's own reference to it and never identifies a person.
    """

    country: Country
    type: AuthorityType
    ref: Pseudonym | None = None


class Target(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the request is about.

    `people` is the number of people whose data it asks for, null if it does not say; 0 says that it asks for
    nobody's. `specific` is true only if the request itself names each of them, in contrast to everybody who
    took part in something, was somewhere or wrote something. Data on people are refused unless it is true.
    """

    kind: Literal["message", "channel", "account", "persons", "service"]
    ref: Pseudonym | None = None
    people: Annotated[int, msgspec.Meta(ge=0)] | None = None
    specific: bool = False


class AuthorityRequest(msgspec.Struct, Generic[KnownCategory], frozen=True, gc=False, omit_defaults=True):
    """One request. Unknown fields are ignored, wrong types are rejected. Clocks start at `received_at`.

    `enforcing_authority_notified` is true if a European Production Order says that the authority of the
    enforcing state was notified (Regulation (EU) 2023/1543 art. 8), false if it says that it need not be,
    null if it is not known. `only_to_identify` is true if a European Production Order asks for data for the
    sole purpose of identifying the user (art. 3(10): addresses and times of access), false if it does not,
    null if it is not known. `supersedes` is the id of an earlier request that this one completes or corrects;
    it is judged on its own, and people end the clocks of the earlier one.
    """

    request_id: Ref
    kind: RequestKind
    legal_basis: LegalBasis
    received_at: ZonedTime
    authority: IssuingAuthority
    demands: Annotated[tuple[Demand, ...], msgspec.Meta(min_length=1, max_length=16)]
    target: Target
    elements: Annotated[tuple[IntakeElement, ...], msgspec.Meta(max_length=32)] = ()
    category: KnownCategory | None = None
    language: LanguageTag | None = None
    emergency: bool = False
    concerns: Annotated[tuple[Concern, ...], msgspec.Meta(max_length=8)] = ()
    enforcing_authority_notified: bool | None = None
    only_to_identify: bool | None = None
    supersedes: Ref | None = None
