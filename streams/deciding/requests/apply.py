"""Applying one request: judge it, publish the judgement, count it and start its clocks."""

import msgspec

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.authority_routing import Asker, AuthorityRouting
from streams.contract.events.clock import ClockView
from streams.contract.events.report import UNSPECIFIED
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.origin import ORIGIN_HEADER, Origin, written_origin
from streams.contract.wire.reading import Decoded
from streams.deciding.clocks.clock import Clock, clock_view, marks_of, start_clock, status
from streams.deciding.clocks.store import ClockKey
from streams.deciding.law.duty import due_ms
from streams.deciding.partition.legal_clocks import arm_clock
from streams.deciding.partition.replay import ticks_headers
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.clock_events import clock_id, publish_routing, routing_id
from streams.deciding.requests.duties import INSUFFICIENT
from streams.deciding.requests.judge import Judgement, judge_request
from streams.deciding.requests.order_counts import count_item
from streams.deciding.requests.rules import RequestRules, country_of
from streams.registry.obligation import Obligation


def apply_request(batch: RequestBatch, origin: Origin, decoded: Decoded[AuthorityRequest]) -> None:
    """Judge a new request in its home partition, publish the judgement, and start its clocks.

    `batch` must have advanced to the time of the request.
    """
    rules, state = batch.rules, batch.state
    request, ce_source, received = decoded
    judgement = judge_request(request, received, rules)
    started = _start_clocks(judgement, decoded, rules)
    authority = request.authority
    event = AuthorityRouting(
        routing_id=routing_id(ce_source, request.request_id),
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
            _first_view(clock, key.clock_id, obligation, received) for key, obligation, clock in started
        ),
        findings=judgement.findings,
        human_review_required=True,
        policy_version=rules.registry.policy_version,
        registry_version=rules.registry.registry_version,
        not_before=judgement.not_before,
        lawyer_today=judgement.lawyer_today,
        supersedes=None if judgement.decision == "refused" else request.supersedes,
    )
    headers = [(ORIGIN_HEADER, written_origin(origin)), *ticks_headers(state.time.ticks)]
    opening = publish_routing(batch, event, received, event.routing_id, headers)
    batch.count_applied(received)
    _count(batch, decoded, judgement)
    for key, obligation, clock in started:
        arm_clock(batch, key, clock, obligation.id, opening)
        if status(clock) == "paused":
            batch.counters.clock_events[obligation.id, "paused"] += 1
    # A request may arrive so late that steps are already due.
    batch.take_overdue()


def _start_clocks(
    judgement: Judgement, decoded: Decoded[AuthorityRequest], rules: RequestRules
) -> list[tuple[ClockKey, Obligation, Clock]]:
    request, ce_source, received = decoded
    started = []
    for duty in judgement.armed:
        obligation = duty.obligation
        due = due_ms(obligation, received, rules.registry)
        assert due is not None
        key = ClockKey(request.request_id, clock_id(obligation.id, ce_source, request.request_id))
        clock = start_clock(obligation, received, due, paused=obligation.id in judgement.paused)
        started.append((key, obligation, clock))
    return started


def _first_view(clock: Clock, clock_id: str, obligation: Obligation, received: int) -> ClockView:
    view = clock_view(clock, clock_id, obligation.id, received, marks=marks_of(obligation))
    if view.status == "paused":
        view = msgspec.structs.replace(view, pause_reason=INSUFFICIENT)
    return view


def _count(batch: RequestBatch, decoded: Decoded[AuthorityRequest], judgement: Judgement) -> None:
    request = decoded.event
    codes = [refusal.code for refusal in judgement.findings.refusals]
    batch.counters.requests[request.kind, judgement.decision] += 1
    for code in codes:
        batch.counters.refusals[code] += 1
    cell = (
        request.kind,
        request.legal_basis,
        request.authority.type,
        judgement.decision,
        codes[0] if codes else None,
    )
    country = country_of(request.authority.country)
    state = batch.state
    state.daily.count(state.time.now, country, request.category or UNSPECIFIED, cell)
    count_item(batch, request, decoded.time_ms)
