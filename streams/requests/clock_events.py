"""The clocks of requests: from the judgement that arms them until an outcome ends them, or what was kept may go."""

from uuid import UUID, uuid5

import msgspec

from streams.clocks.clock import (
    ENDS,
    OUTCOME_REASONS,
    STEP_REASONS,
    Clock,
    apply_outcome,
    clock_view,
    take_step,
)
from streams.clocks.store import LegalClock
from streams.events.authority_routing import AUTHORITY_ROUTING_TYPE, AuthorityRouting, RoutingReason
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockOutcome
from streams.partition.batch import Outcome
from streams.partition.due import ClockKey
from streams.reports.escalations import NAMESPACE
from streams.requests.state import RequestState
from streams.wire.encoding import encode
from streams.wire.envelope import event_headers, rfc3339
from streams.wire.records import Headers, OutputRecord
from streams.wire.topics import AUTHORITY_ROUTING

_decode = msgspec.json.Decoder(AuthorityRouting).decode


def routing_id(ce_source: str, request_id: str) -> str:
    """The id of what becomes of a request. Only ce_source may hold NUL: no two requests share a text."""
    return str(uuid5(NAMESPACE, f"request\0{ce_source}\0{request_id}"))


def clock_id(obligation: str, ce_source: str, request_id: str) -> str:
    """The id of the clock that a request arms for a duty."""
    return str(uuid5(NAMESPACE, f"request-clock\0{obligation}\0{ce_source}\0{request_id}"))


def write_routing(
    event: AuthorityRouting, at: int, subject: str, outcome: Outcome, more: Headers = ()
) -> bytes:
    """Publish a step and give its JSON. `subject` is the id of what counts `sequence`: the routing or a clock.

    `more` are headers besides those of the event.
    """
    value = encode(event)
    event_id = str(uuid5(UUID(subject), str(event.sequence)))
    headers = [*event_headers(AUTHORITY_ROUTING_TYPE, event_id, at), *more]
    outcome.outputs.append(OutputRecord(AUTHORITY_ROUTING, None, event.request_id.encode(), value, headers))
    return value


def serve_clocks(state: RequestState, time: int, outcome: Outcome) -> None:
    """Take every step that is due at `time` or before, in the order of (due time, key), and move time on."""
    while (due := state.due.pop(time)) is not None:
        at, key = due
        assert isinstance(key, ClockKey)
        kept = state.clocks.find(key)
        assert kept is not None
        _step(state, key, kept, at, outcome)
    state.now = time


def keep_armed(
    state: RequestState, armed: list[tuple[ClockKey, str, Clock]], opening: bytes, outcome: Outcome
) -> None:
    """Keep the clocks that a request armed, and take at once what steps are due already."""
    for key, obligation, clock in armed:
        outcome.counters[f"clock:{obligation}:armed"] += 1
        state.put_clock(key, LegalClock(clock, obligation, 1, opening))
    serve_clocks(state, state.now, outcome)


def settle(
    state: RequestState,
    key: ClockKey,
    kept: LegalClock,
    word: ClockOutcome,
    occurred: int,
    headers: Headers,
    outcome: Outcome,
) -> None:
    """Apply an outcome that fits (see `law.clocks.check_outcome`), and keep or let go of the clock.

    `headers` tell in the log when it was applied.
    """
    at = apply_outcome(kept.clock, word.outcome, word.reason, at=occurred, now=state.now)
    ended = word.outcome if word.outcome in ENDS else None
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at, ended)
    reason = OUTCOME_REASONS[word.outcome]
    _publish(key, kept, reason, view, at, outcome, closed=ended is not None, headers=headers)
    outcome.counters[f"clock:{kept.obligation}:{word.outcome}"] += 1
    if ended is None:
        state.put_clock(key, kept)
        # A clock that went on some time ago may have steps due since.
        serve_clocks(state, state.now, outcome)
    else:
        state.remove_clock(key)


def _step(state: RequestState, key: ClockKey, kept: LegalClock, at: int, outcome: Outcome) -> None:
    step = take_step(kept.clock)
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at)
    # Nobody has to say that what was kept long enough may go; what was owed stays owed.
    over = view.status == "over"
    reason: RoutingReason = "clock_over" if over else STEP_REASONS[step]
    _publish(key, kept, reason, view, at, outcome, closed=over)
    outcome.counters[f"clock:{kept.obligation}:{reason.removeprefix('clock_')}"] += 1
    if over:
        state.remove_clock(key)
    else:
        state.put_clock(key, kept)


def _publish(
    key: ClockKey,
    kept: LegalClock,
    reason: RoutingReason,
    view: ClockView,
    at: int,
    outcome: Outcome,
    *,
    closed: bool,
    headers: Headers = (),
) -> None:
    kept.sequence += 1
    event = msgspec.structs.replace(
        _decode(kept.opening),
        sequence=kept.sequence,
        type="clock_closed" if closed else "clock_updated",
        reason=reason,
        at=rfc3339(at),
        clocks=(view,),
        findings=None,
    )
    write_routing(event, at, key.clock_id, outcome, headers)
