"""Applying one request: judge it, publish what it comes to, count it and start its clocks."""

from streams.clocks.clock import Clock, clock_view, start_clock
from streams.events.authority_routing import Asker, AuthorityRouting
from streams.law.duty import due_ms
from streams.partition.batch import Outcome
from streams.partition.due import ClockKey
from streams.requests.clock_events import clock_id, keep_armed, routing_id, serve_clocks, write_routing
from streams.requests.judge import Judgement, judge_request
from streams.requests.replay import request_headers
from streams.requests.rules import RequestRules, country_of
from streams.requests.state import RequestState
from streams.wire.envelope import rfc3339
from streams.wire.origin import Origin
from streams.wire.request_decoding import DecodedRequest


def apply_request(
    state: RequestState, rules: RequestRules, decoded: DecodedRequest, origin: Origin, outcome: Outcome
) -> None:
    """Judge a request that is at home here and was not applied before, publish it, and start its clocks."""
    request = decoded.request
    received = decoded.received_ms
    serve_clocks(state, state.note_time(received, origin.timestamp), outcome)
    judgement = judge_request(request, received, rules)
    armed = _start_clocks(judgement, decoded, rules)
    authority = request.authority
    event = AuthorityRouting(
        routing_id=routing_id(decoded.ce_source, request.request_id),
        sequence=1,
        type="routed",
        reason="judged",
        at=rfc3339(received),
        request_id=request.request_id,
        kind=request.kind,
        legal_basis=request.legal_basis,
        authority=Asker(authority.country, authority.type, authority.ref),
        demands=request.demands,
        category=request.category,
        emergency=request.emergency,
        concerns=request.concerns,
        received_at=rfc3339(received),
        decision=judgement.decision,
        recipients=judgement.recipients,
        gate=judgement.gate,
        clocks=tuple(
            clock_view(clock, key.clock_id, obligation, received) for key, obligation, clock in armed
        ),
        findings=judgement.findings,
        human_review_required=True,
        policy_version=rules.rules.policy_version,
        registry_version=rules.rules.registry_version,
    )
    headers = request_headers(origin, state.ticks)
    opening = write_routing(event, received, event.routing_id, outcome, headers)
    state.ticks = 0
    state.applied += 1
    outcome.counters["applied"] += 1
    outcome.event_times.append(received)
    _count(state, decoded, judgement, outcome)
    keep_armed(state, armed, opening, outcome)


def _start_clocks(
    judgement: Judgement, decoded: DecodedRequest, rules: RequestRules
) -> list[tuple[ClockKey, str, Clock]]:
    started = []
    for duty in judgement.armed:
        obligation = duty.obligation
        due = due_ms(obligation, decoded.received_ms, rules.rules)
        assert due is not None
        request_id = decoded.request.request_id
        key = ClockKey(request_id, clock_id(obligation.id, decoded.ce_source, request_id))
        started.append((key, obligation.id, start_clock(obligation, decoded.received_ms, due)))
    return started


def _count(state: RequestState, decoded: DecodedRequest, judgement: Judgement, outcome: Outcome) -> None:
    request = decoded.request
    codes = [refusal.code for refusal in judgement.findings.refusals]
    outcome.counters[f"request:{request.kind}:{judgement.decision}"] += 1
    for code in codes:
        outcome.counters[f"refused:{code}"] += 1
    cell = (
        request.kind,
        request.legal_basis,
        request.authority.type,
        judgement.decision,
        codes[0] if codes else None,
    )
    country = country_of(request.authority.country)
    state.transparency.count(state.now, country, request.category or "unspecified", cell)
