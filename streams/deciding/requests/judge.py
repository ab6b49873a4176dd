"""Judging one request. The judgement depends on the request and the rules alone."""

from datetime import UTC
from typing import NamedTuple

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import Findings, RoutingDecision, Territory
from streams.contract.events.routing import Gate, Routing
from streams.deciding.law.duty import Duty, escalated_duty
from streams.deciding.law.routing import INTERNAL_REVIEW
from streams.deciding.law.rule_of_law import most_protective
from streams.deciding.requests.competence import judge_competence
from streams.deciding.requests.completeness import (
    language_finding,
    missing_elements,
    present_elements,
    questions_of,
)
from streams.deciding.requests.duties import duties_of, judged_duties, triggers_met
from streams.deciding.requests.gates import disclosure_of, gates_of, is_abuse_prone, territory_of
from streams.deciding.requests.instructions import instruction, lawyer_today
from streams.deciding.requests.penalties import penalties_of
from streams.deciding.requests.refusals import refusals, refused_to_closed
from streams.deciding.requests.rules import RequestRules
from streams.deciding.requests.telling import telling_of


class Judgement(NamedTuple):
    """The judgement of a request. `armed` are the duties whose clocks it starts.

    `paused` are the ids of those whose clocks are paused from the start. `not_before` (RFC 3339, UTC) is the
    time before which no data may be sent, None if the law sets none. `lawyer_today`: why a lawyer must look
    at the request today.
    """

    decision: RoutingDecision
    gate: Gate
    recipients: tuple[Routing, ...]
    findings: Findings
    armed: tuple[Duty, ...]
    paused: frozenset[str]
    not_before: str | None
    lawyer_today: tuple[str, ...]


def judge_request(request: AuthorityRequest, received_ms: int, rules: RequestRules) -> Judgement:
    """Judge a request received at `received_ms` (ms since the epoch).

    The order is: refusals, the authority's competence, required elements, gates, and which clocks start. A
    refused request starts no clock and no part of it is acted on; the authority may make a new request for
    what it can ask.
    """
    received = request.received_at.astimezone(UTC).date()
    competence, belongs_to = judge_competence(request, received, rules)
    language = language_finding(request, rules)
    met = triggers_met(request, rules)
    applicable = duties_of(request, received, met, rules)
    # If the authority lacks competence, name the one that has it instead of listing missing elements.
    missing = missing_elements(request, language, applicable) if competence.competent else ()
    if missing:
        met |= {"incomplete_order"}
        applicable = duties_of(request, received, met, rules)
    gates, law = gates_of(request, received, applicable, rules, contested=competence.contested)
    refused = refusals(request) + refused_to_closed(law.tier, abuse_prone=is_abuse_prone(request, rules))
    decision: RoutingDecision = "refused" if refused else "incomplete" if missing else "routed"
    duties, paused = judged_duties(
        () if refused else applicable,
        met if competence.competent else frozenset(),
        present_elements(request, language),
        received_ms,
        rules,
        complete=not missing,
    )
    if refused:
        gates = (*(gate for gate in gates if gate != "human_rights_review"), "human_rights_review")
    allowed = not refused and competence.competent
    published = tuple(escalated_duty(duty, rules.registry, received_ms) for duty in duties)
    not_before = max((duty.not_before for duty in published if duty.not_before is not None), default=None)
    findings = Findings(
        refusals=refused,
        competence=competence,
        belongs_to=belongs_to,
        language=language,
        missing=missing,
        territory=Territory("none", (), "The request is refused.") if refused else territory_of(request),
        disclosure=disclosure_of(request, law, allowed=allowed),
        gates=gates,
        obligations=published,
        rule_of_law=law,
        questions=questions_of(request, language, applicable) if allowed else (),
        penalties=penalties_of(applicable),
        telling=telling_of(missing, published, paused, received_ms) if not refused else None,
    )
    gate = most_protective(gates)
    reason = instruction(request, decision, findings, not_before)
    return Judgement(
        decision=decision,
        gate=gate,
        recipients=(Routing(INTERNAL_REVIEW, reason, gate),),
        findings=findings,
        armed=tuple(duty for duty in duties if duty.not_armed is None),
        paused=paused,
        not_before=not_before,
        lawyer_today=() if refused else lawyer_today(request, findings),
    )
