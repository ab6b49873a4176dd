"""Publishing on `authority-routing`: the judgement of a request, and each change of its clocks."""

from collections.abc import Mapping

import msgspec

from streams.contract.events.authority_routing import AUTHORITY_ROUTING_TYPE, AuthorityRouting, RoutingReason
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers, rfc3339
from streams.contract.wire.ids import stable_id, step_id
from streams.contract.wire.origin import ORIGIN_HEADER, written_origin
from streams.contract.wire.records import Headers, OutputRecord
from streams.contract.wire.topics import AUTHORITY_ROUTING
from streams.deciding.clocks.life import ClockChange, ClockEvent
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.partition.replay import outcome_headers
from streams.deciding.requests.batch import RequestBatch
from streams.deciding.requests.instructions import why_lawyer_after
from streams.deciding.requests.order_counts import count_fulfilled

# Not `armed`: the judgement itself lists the clocks that it starts.
_REASONS: Mapping[ClockEvent, RoutingReason] = {
    "half": "clock_half",
    "nine_tenths": "clock_nine_tenths",
    "lapsed": "clock_lapsed",
    "over": "clock_over",
    "paused": "clock_paused",
    "resumed": "clock_resumed",
    "fulfilled": "clock_fulfilled",
    "withdrawn": "clock_withdrawn",
}

_decode = msgspec.json.Decoder(AuthorityRouting).decode


def routing_id(ce_source: str, request_id: str) -> str:
    """Return the id under which the judgement of a request is published."""
    return stable_id("request", ce_source, request_id)


def clock_id(obligation: str, ce_source: str, request_id: str) -> str:
    """Return the id of the clock that a request arms for a duty."""
    return stable_id("request-clock", obligation, ce_source, request_id)


def clocks_beside(key: ClockKey, kept: LegalClock) -> dict[str, ClockKey]:
    """Return the clocks that the same request started, by duty, whether they are still open or not."""
    return {view.obligation: ClockKey(key.ref, view.clock_id) for view in _decode(kept.opening).clocks}


def publish_routing(
    batch: RequestBatch, event: AuthorityRouting, at: int, subject: str, more: Headers
) -> bytes:
    """Publish an event and return its JSON.

    `subject` is the id of the routing or clock whose events `sequence` numbers. `more` are additional
    headers.
    """
    value = encode(event)
    headers = [*event_headers(AUTHORITY_ROUTING_TYPE, step_id(subject, event.sequence), at), *more]
    batch.outputs.append(OutputRecord(AUTHORITY_ROUTING, None, event.request_id.encode(), value, headers))
    return value


def _why_lawyer(batch: RequestBatch, kept: LegalClock, change: ClockChange) -> tuple[str, ...]:
    row = batch.rules.obligations.get(kept.obligation)
    reason = None if row is None or change.event != "lapsed" else why_lawyer_after(row)
    return () if reason is None else (reason,)


def publish_change(
    batch: RequestBatch, key: ClockKey, kept: LegalClock, change: ClockChange, trace: OutcomeTrace | None
) -> None:
    """Publish a change of a clock, and count a fulfilled one: the judgement, updated, without findings."""
    headers: Headers = ()
    if trace is not None:
        origin = (ORIGIN_HEADER, written_origin(trace.origin))
        headers = [origin, *outcome_headers(trace.applied, trace.ticks)]
    opening = _decode(kept.opening)
    # The clock of the wait says whether it still holds. The others repeat it: they do not know of its end.
    started = next((clock for clock in opening.clocks if clock.clock_id == key.clock_id), change.view)
    event = msgspec.structs.replace(
        opening,
        sequence=kept.sequence,
        type="clock_closed" if change.ended else "clock_updated",
        reason=_REASONS[change.event],
        at=rfc3339(change.at),
        clocks=(msgspec.structs.replace(change.view, marks=started.marks),),
        findings=None,
        not_before=change.view.not_before if started.not_before else opening.not_before,
        lawyer_today=_why_lawyer(batch, kept, change),
    )
    publish_routing(batch, event, change.at, key.clock_id, headers)
    if change.event == "fulfilled":
        count_fulfilled(batch, key, kept, opening, change)
