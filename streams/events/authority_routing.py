"""What becomes of an authority's request: the payload of `tocsin.authority-routing.v1`."""

from typing import Literal

import msgspec

from streams.events.authority_request import (
    AuthorityType,
    Concern,
    Demand,
    LegalBasis,
    RequestElement,
    RequestKind,
)
from streams.events.clock import ClockView
from streams.events.countries import Country
from streams.events.obligation import EscalatedObligation
from streams.events.report import Category, LanguageTag, Pseudonym, Ref
from streams.events.routing import Gate, Routing, RuleOfLaw

AUTHORITY_ROUTING_TYPE = "tocsin.authority-routing.v1"

RoutingType = Literal["routed", "clock_updated", "clock_closed"]
RoutingReason = Literal[
    "judged",
    "clock_half",
    "clock_nine_tenths",
    "clock_lapsed",
    "clock_over",
    "clock_paused",
    "clock_resumed",
    "clock_fulfilled",
    "clock_withdrawn",
]
Decision = Literal["routed", "incomplete", "refused"]
HardRefusalCode = Literal["encryption_keys", "bulk_identify", "block_protest"]
# The last is refused only to countries that the registry calls closed.
RefusalCode = Literal[HardRefusalCode, "political_demand"]
# What may become of the data asked for: none is asked for; it is never handed over; only once the gate was passed.
Disclosure = Literal["not_asked", "never", "after_gate"]
# `translated`: in another language, with a translation of what the law asks for.
LanguageVerdict = Literal["accepted", "translated", "not_accepted", "unknown"]
TerritorialScope = Literal["none", "country", "strictly_necessary", "union"]


class Norm(msgspec.Struct, frozen=True):
    """A norm of law or of human rights, and where it can be read."""

    title: str
    url: str


class Refusal(msgspec.Struct, frozen=True):
    """Something that is not done, with the norms it would break."""

    code: RefusalCode
    reason: str
    norms: tuple[Norm, ...]


class CompetentAuthority(msgspec.Struct, frozen=True):
    """Whom a request should come from instead, or go through.

    `authority` is an id of the registry, None where it has none for `jurisdiction`.
    """

    jurisdiction: str | None
    authority: str | None
    reason: str


class Competence(msgspec.Struct, frozen=True):
    """Whether the law that the request names gives such an authority such a power."""

    competent: bool
    reason: str
    norm: Norm | None


class LanguageFinding(msgspec.Struct, frozen=True):
    """Whether the request is in a language that the platform reads; `accepted` are those it does (BCP 47)."""

    language: LanguageTag | None
    verdict: LanguageVerdict
    accepted: tuple[str, ...]


class Territory(msgspec.Struct, frozen=True):
    """Where what is done may take effect; `codes` are countries, or EU for the whole Union."""

    scope: TerritorialScope
    codes: tuple[str, ...]
    reason: str


class Asker(msgspec.Struct, frozen=True):
    """Who asks; `ref` is the intake's own reference to it."""

    country: Country
    type: AuthorityType
    ref: Pseudonym | None


class Findings(msgspec.Struct, frozen=True):
    """What was found out about a request when it was judged.

    `belongs_to` says whom it should come from or go through, where it is not for this authority alone. `missing` are
    the elements that the law asks for and the request lacks. `gates` are all that apply; the most protective one is
    the routing's `gate`.
    """

    refusals: tuple[Refusal, ...]
    competence: Competence
    belongs_to: tuple[CompetentAuthority, ...]
    language: LanguageFinding
    missing: tuple[RequestElement, ...]
    territory: Territory
    disclosure: Disclosure
    gates: tuple[Gate, ...]
    obligations: tuple[EscalatedObligation, ...]
    rule_of_law: RuleOfLaw


class AuthorityRouting(msgspec.Struct, frozen=True):
    """One step in the life of a request.

    `routed` is step 1 of every clock of the request and alone carries `findings`; `sequence` counts on for each clock.
    `clocks` are those that this step is about: all that it started, or the one that took a step or was stopped. `gate`
    must be passed before anything is done. Nothing is done by Tocsin itself.
    """

    routing_id: str
    sequence: int
    type: RoutingType
    reason: RoutingReason
    at: str
    request_id: Ref
    kind: RequestKind
    legal_basis: LegalBasis
    authority: Asker
    demands: tuple[Demand, ...]
    category: Category | None
    emergency: bool
    concerns: tuple[Concern, ...]
    received_at: str
    decision: Decision
    recipients: tuple[Routing, ...]
    gate: Gate
    clocks: tuple[ClockView, ...]
    findings: Findings | None
    human_review_required: bool
    policy_version: str
    registry_version: str
