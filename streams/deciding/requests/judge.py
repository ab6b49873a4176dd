"""Judging one request. The judgement depends on the request and the rules alone."""

from datetime import UTC
from typing import NamedTuple

from streams.contract.events.authority_request import AuthorityRequest, IntakeElement
from streams.contract.events.authority_routing import Competence, Findings, RoutingDecision, Territory
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
from streams.deciding.requests.penalties import penalties_of
from streams.deciding.requests.refusals import refusals, refused_to_closed
from streams.deciding.requests.rules import RequestRules


class Judgement(NamedTuple):
    """The judgement of a request. `armed` are the duties whose clocks it starts.

    `not_before` (RFC 3339, UTC) is the time before which no data may be sent, None if the law sets none.
    """

    decision: RoutingDecision
    gate: Gate
    recipients: tuple[Routing, ...]
    findings: Findings
    armed: tuple[Duty, ...]
    not_before: str | None


def judge_request(request: AuthorityRequest, received_ms: int, rules: RequestRules) -> Judgement:
    """Judge a request received at `received_ms` (ms since the epoch).

    The order is: refusals, the authority's competence, required elements, gates, and which clocks start. A
    refused request starts no clock and no part of it is acted on; the authority may make a new request for
    what it can ask.
    """
    received = request.received_at.astimezone(UTC).date()
    competence, belongs_to = judge_competence(request, received, rules)
    language = language_finding(request, rules)
    applicable = duties_of(request, received, rules)
    gates, law = gates_of(request, received, applicable, rules)
    refused = refusals(request) + refused_to_closed(law.tier, abuse_prone=is_abuse_prone(request, rules))
    # If the authority lacks competence, name the one that has it instead of listing missing elements.
    missing = missing_elements(request, language, applicable) if competence.competent else ()
    decision: RoutingDecision = "refused" if refused else "incomplete" if missing else "routed"
    duties = judged_duties(
        () if refused else applicable,
        triggers_met(request, rules) if competence.competent else frozenset(),
        present_elements(request, language),
        received_ms,
        rules,
        complete=not missing,
    )
    if refused:
        gates = (*(gate for gate in gates if gate != "human_rights_review"), "human_rights_review")
    allowed = not refused and competence.competent
    questions = questions_of(request, language, applicable) if allowed else ()
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
        questions=questions,
        penalties=penalties_of(applicable),
    )
    gate = most_protective(gates)
    return Judgement(
        decision=decision,
        gate=gate,
        recipients=(Routing(INTERNAL_REVIEW, _reason(decision, competence, questions, not_before), gate),),
        findings=findings,
        armed=tuple(duty for duty in duties if duty.not_armed is None),
        not_before=not_before,
    )


def _reason(
    decision: RoutingDecision,
    competence: Competence,
    questions: tuple[IntakeElement, ...],
    not_before: str | None,
) -> str:
    if decision == "refused":
        return "Tell the authority that the request is refused, and why."
    if not competence.competent:
        return "Tell the authority who is competent."
    if decision == "incomplete":
        return "Ask the authority for what is missing."
    reasons = ["Decide whether and how to act on the request."]
    if questions:
        reasons.append(f"First ask a lawyer, because the request does not show: {', '.join(questions)}.")
    if not_before is not None:
        reasons.append(
            f"Have the data ready, but do not send them before {not_before} (a working day later if the wait "
            "ends with a public holiday of the enforcing state), unless its authority confirms that it "
            "raises no ground for refusal."
        )
    return " ".join(reasons)
