"""How an authority's request is handled, step by step: the payload of `tocsin.authority-routing.v1`."""

from typing import Literal

import msgspec

from streams.contract.events.authority_request import (
    AuthorityType,
    Concern,
    Demand,
    IntakeElement,
    LegalBasis,
    RequestElement,
    RequestKind,
)
from streams.contract.events.clock import ClockView
from streams.contract.events.countries import Country
from streams.contract.events.obligation import EscalatedObligation
from streams.contract.events.report import Category, LanguageTag, Pseudonym, Ref
from streams.contract.events.routing import Gate, Routing, RuleOfLaw

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
RoutingDecision = Literal["routed", "incomplete", "refused"]
HardRefusalCode = Literal["encryption_keys", "bulk_identify", "block_protest"]
# The last is refused only to countries in the registry's tier `closed`.
RefusalCode = Literal[HardRefusalCode, "political_demand"]
# Whether the requested data may be disclosed: none is requested; never; only after the gate has been passed.
Disclosure = Literal["not_asked", "never", "after_gate"]
# `translated`: in another language, with a translation of the parts for which the law requires one.
LanguageVerdict = Literal["accepted", "translated", "not_accepted", "unknown"]
TerritorialScope = Literal["none", "country", "strictly_necessary", "union"]


class Norm(msgspec.Struct, frozen=True):
    """A legal or human-rights norm and the address of its text."""

    title: str
    url: str


class Refusal(msgspec.Struct, frozen=True):
    """A reason for refusing the request, with the norms that complying would break."""

    code: RefusalCode
    reason: str
    norms: tuple[Norm, ...]


class CompetentAuthority(msgspec.Struct, frozen=True):
    """An authority that should make the request instead, or that it must pass through.

    `authority` is its id in the registry, null if the registry has none for `jurisdiction`.
    """

    jurisdiction: str | None
    authority: str | None
    reason: str


class Competence(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the law that the request cites gives this type of authority the power to make it.

    `contested` is present and true if the law of a Member State claims a reach that the platform may dispute:
    `competent` is then true, because neither an answer nor a refusal may follow from this judgement alone.
    """

    competent: bool
    reason: str
    norm: Norm | None
    contested: bool = False


class LanguageFinding(msgspec.Struct, frozen=True):
    """Whether the platform accepts the language of the request.

    `accepted` are the languages it accepts (BCP 47).
    """

    language: LanguageTag | None
    verdict: LanguageVerdict
    accepted: tuple[str, ...]


class Territory(msgspec.Struct, frozen=True):
    """Where a measure may take effect. `codes` are countries, or `EU` for the whole Union."""

    scope: TerritorialScope
    codes: tuple[str, ...]
    reason: str


class Telling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the issuing authority must be told, and by when, because its request lacks something.

    `by` (RFC 3339, UTC) is the end of a legal clock, or the time within which the platform means to tell it,
    where the law says "without undue delay": never later than the paused clocks would have run out.
    `obligation` is the duty to tell it, absent if no row of the registry says so. `paused` are the duties
    whose clocks are paused until the authority has answered.
    """

    missing: tuple[RequestElement, ...]
    by: str
    paused: tuple[str, ...]
    obligation: str | None = None


class Asker(msgspec.Struct, frozen=True):
    """The authority that makes the request. `ref` is the intake's own reference to it."""

    country: Country
    type: AuthorityType
    ref: Pseudonym | None


class PossiblePenalty(msgspec.Struct, frozen=True, omit_defaults=True):
    """What threatens whom, if the duty `obligation` is not fulfilled, and the article that says so."""

    obligation: str
    amount: str
    liable: str
    article: str | None = None


class Findings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of assessing a request.

    `belongs_to` names the authorities that should make the request instead, or that it must pass through.
    `missing` lists the elements that the law requires and the request lacks. `gates` lists every gate that
    applies; the most protective one is the event's `gate`. `questions` lists elements whose absence stops no
    clock and is for a lawyer to judge before the request is followed; absent if there are none. `penalties`
    are those that the registry knows for the duties that follow from the request, also if it is refused:
    whoever refuses should know them; absent if there are none. `telling` is present if something is missing
    for which a law lets its clock pause, or says that the authority be told.
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
    questions: tuple[IntakeElement, ...] = ()
    penalties: tuple[PossiblePenalty, ...] = ()
    telling: Telling | None = None


class AuthorityRouting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step in the handling of a request.

    The first event has `type` `routed` and `sequence` 1, and only it has `findings`. The later events of each
    clock are numbered from 2. `clocks` are the clocks that this step concerns: all clocks it started, or the
    one that changed. `gate` must be passed before anybody acts; Tocsin itself takes no action. `not_before`
    (RFC 3339, UTC) is present if the law forbids sending the data earlier, whatever the other clocks say.
    `lawyer_today` says why a lawyer must look at the request on the day of the event; absent if none must.
    `supersedes` is the earlier request that this one completes or corrects, if the intake named one.
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
    decision: RoutingDecision
    recipients: tuple[Routing, ...]
    gate: Gate
    clocks: tuple[ClockView, ...]
    findings: Findings | None
    human_review_required: bool
    policy_version: str
    registry_version: str
    not_before: str | None = None
    lawyer_today: tuple[str, ...] = ()
    supersedes: Ref | None = None
