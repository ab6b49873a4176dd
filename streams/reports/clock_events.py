"""The clocks of reports: each is an escalation of its own, from its arming until an outcome ends it."""

from typing import NamedTuple
from uuid import UUID, uuid5

import msgspec

from streams.clocks.clock import (
    ENDS,
    OUTCOME_REASONS,
    STEP_REASONS,
    Clock,
    clock_view,
    due_time,
    elapsed,
    next_step_time,
    take_step,
)
from streams.clocks.store import LegalClock
from streams.events.clock_outcome import Outcome as ClockOutcomeWord
from streams.events.escalation import (
    ESCALATION_TYPE,
    Condition,
    Escalation,
    EscalationReason,
    EscalationType,
    Window,
)
from streams.partition.batch import Outcome
from streams.partition.due import ClockKey
from streams.reports.escalations import NAMESPACE
from streams.reports.state import PartitionState
from streams.wire.encoding import encode
from streams.wire.envelope import event_headers, rfc3339
from streams.wire.records import Headers, OutputRecord
from streams.wire.topics import ESCALATIONS

# By the number of steps taken: name of the level, and the share of the time from which on it holds.
LEVELS: tuple[tuple[str, float], ...] = (("armed", 0.0), ("half", 0.5), ("nine_tenths", 0.9), ("lapsed", 1.0))

_decode = msgspec.json.Decoder(Escalation).decode


class Cause(NamedTuple):
    """The outcome behind a transition: `place` is its topic and partition, `headers` tell when it was applied."""

    word: ClockOutcomeWord
    place: str
    offset: int
    headers: Headers


def clock_id(obligation: str, channel: str, ce_source: str, report_id: str) -> str:
    """The id of the clock that a report arms for a duty. Only ce_source may hold NUL: no two clocks share a text."""
    return str(uuid5(NAMESPACE, f"clock\0{obligation}\0{channel}\0{ce_source}\0{report_id}"))


def keep_armed(
    state: PartitionState, key: ClockKey, clock: Clock, opening: Escalation, outcome: Outcome
) -> None:
    """Publish the arming of a clock, keep it, and take at once what steps are due already."""
    obligation = opening.obligations[0].id
    kept = LegalClock(clock, obligation, 1, encode(opening))
    _write(key, opening, state.now, kept.opening, (), outcome)
    outcome.counters[f"clock:{obligation}:armed"] += 1
    while (time := next_step_time(clock)) is not None and time <= state.now:
        _step(key, kept, state.now, outcome)
    state.put_clock(key, kept)


def serve_clock(state: PartitionState, key: ClockKey, time: int, outcome: Outcome) -> None:
    """Take the step that is due at `time`."""
    kept = state.clocks.find(key)
    assert kept is not None
    _step(key, kept, time, outcome)
    state.put_clock(key, kept)


def publish_outcome(
    state: PartitionState, key: ClockKey, kept: LegalClock, at: int, cause: Cause, outcome: Outcome
) -> None:
    """Publish what an outcome did to the clock, which is in its state after it, and keep or let go of the clock."""
    ended = cause.word if cause.word in ENDS else None
    _publish(key, kept, "resolved" if ended else "updated", OUTCOME_REASONS[cause.word], at, cause, outcome)
    outcome.counters[f"clock:{kept.obligation}:{cause.word}"] += 1
    if ended:
        state.remove_clock(key)
    else:
        state.put_clock(key, kept)


def _step(key: ClockKey, kept: LegalClock, at: int, outcome: Outcome) -> None:
    step = take_step(kept.clock)
    _publish(key, kept, "updated", STEP_REASONS[step], at, None, outcome)
    outcome.counters[f"clock:{kept.obligation}:{LEVELS[kept.clock.steps][0]}"] += 1


def _publish(
    key: ClockKey,
    kept: LegalClock,
    kind: EscalationType,
    reason: EscalationReason,
    at: int,
    cause: Cause | None,
    outcome: Outcome,
) -> None:
    kept.sequence += 1
    opening = _decode(kept.opening)
    clock = kept.clock
    due_at = rfc3339(due_time(clock))
    ended = cause.word if cause is not None and cause.word in ENDS else None
    trace = opening.trace
    if cause is not None:
        trace = msgspec.structs.replace(trace, partition_offsets={cause.place: cause.offset})
    event = msgspec.structs.replace(
        opening,
        sequence=kept.sequence,
        type=kind,
        reason=reason,
        status="resolved" if ended else "open",
        at=rfc3339(at),
        level=clock.steps + 1,
        level_name=LEVELS[clock.steps][0],
        window=Window(start=opening.window.start, end=due_at),
        conditions=clock_conditions(clock, at),
        obligations=(msgspec.structs.replace(opening.obligations[0], due_at=due_at),),
        clock=clock_view(clock, key.clock_id, kept.obligation, at, ended),
        trace=trace,
    )
    _write(key, event, at, encode(event), () if cause is None else cause.headers, outcome)


def clock_conditions(clock: Clock, at: int) -> tuple[Condition, ...]:
    """The share of the clock's time that has passed, and the share from which on its level holds."""
    return (Condition("elapsed", elapsed(clock, at), LEVELS[clock.steps][1]),)


def _write(key: ClockKey, event: Escalation, at: int, value: bytes, more: Headers, outcome: Outcome) -> None:
    event_id = str(uuid5(UUID(key.clock_id), str(event.sequence)))
    headers = [*event_headers(ESCALATION_TYPE, event_id, at), *more]
    outcome.outputs.append(OutputRecord(ESCALATIONS, None, key.channel.encode(), value, headers))
