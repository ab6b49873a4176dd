"""The legal clocks of a partition: arming them, taking their steps, applying outcomes that desks report."""

from collections.abc import Callable
from typing import Any, NamedTuple

from streams.contract.events.clock_outcome import ClockOutcome
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.origin import Origin
from streams.contract.wire.reading import Decoded
from streams.deciding.clocks.clock import Clock, check_outcome
from streams.deciding.clocks.life import ClockChange, settle_clock, step_clock
from streams.deciding.clocks.store import ClockKey, LegalClock
from streams.deciding.partition.batch import Batch, Counters, Rules, State


class OutcomeTrace(NamedTuple):
    """An outcome's origin, the number of records applied before it, and of ticks since the last of them."""

    origin: Origin
    applied: int
    ticks: int


PublishChange = Callable[[Any, ClockKey, LegalClock, ClockChange, OutcomeTrace | None], None]
"""Publishes a change of a clock in a batch. Without a trace it is a step that time alone caused."""


def arm_clock(
    batch: Batch[State, Rules, Counters], key: ClockKey, clock: Clock, obligation: str, opening: bytes
) -> LegalClock:
    """Store a clock that was just started; `opening` is the JSON of the event that published it."""
    kept = LegalClock(clock, obligation, 1, opening)
    batch.counters.clock_events[obligation, "armed"] += 1
    batch.state.put_clock(key, kept)
    return kept


def take_clock_step(
    batch: Batch[State, Rules, Counters], key: ClockKey, at: int, publish: PublishChange
) -> None:
    """Take the step of a clock that is due at `at`, and publish it."""
    kept = batch.state.clocks.find(key)
    assert kept is not None
    apply_change(batch, key, kept, step_clock(key, kept, at), None, publish)


def apply_clock_outcome(
    batch: Batch[State, Rules, Counters],
    origin: Origin,
    decoded: Decoded[ClockOutcome],
    publish: PublishChange,
) -> tuple[LegalClock, ClockChange] | None:
    """Apply an outcome whose `key` is at home here; a duplicate has no effect.

    Returns the clock and its change, None for a duplicate. Moves the partition's time on as a report or
    request does. Raises Rejected, changing nothing, if the outcome names no open clock, or one that may not
    be paused or resumed. The time does not move then either, because a replay does not see a rejected
    outcome.
    """
    outcome = decoded.event
    state = batch.state
    hashed = state.recent.new_outcome(decoded.ce_source, outcome.outcome_id, outcome.key)
    if hashed is None:
        batch.counters.duplicates += 1
        return None
    key = ClockKey(outcome.key, outcome.clock_id)
    kept = _open_clock(batch, key, outcome, decoded.time_ms)
    batch.advance(decoded.time_ms, origin.timestamp)
    state.recent.add(hashed, state.time.now)
    time = state.time
    trace = OutcomeTrace(origin, time.applied, time.ticks)
    batch.counters.clock_outcomes += 1
    change = settle_clock(key, kept, outcome, decoded.time_ms, time.now)
    apply_change(batch, key, kept, change, trace, publish)
    # A clock that was resumed at an earlier time may have steps due already.
    batch.take_overdue()
    return kept, change


def _open_clock(
    batch: Batch[State, Rules, Counters], key: ClockKey, outcome: ClockOutcome, occurred: int
) -> LegalClock:
    kept = batch.state.clocks.find(key)
    if kept is None:
        owner = "channel" if outcome.subject == "report" else "request"
        raise Rejected(
            "clock_not_running", "clock_id", f"Must be the id of an open clock of the {owner} in `key`."
        )
    now = max(batch.state.time.now, occurred)
    check_outcome(kept.clock, outcome.outcome, outcome.reason, at=occurred, now=now)
    return kept


def apply_change(
    batch: Batch[State, Rules, Counters],
    key: ClockKey,
    kept: LegalClock,
    change: ClockChange,
    trace: OutcomeTrace | None,
    publish: PublishChange,
) -> None:
    """Publish and count a change of a clock, and store the clock or remove it if it has ended."""
    publish(batch, key, kept, change, trace)
    batch.counters.clock_events[kept.obligation, change.event] += 1
    if change.ended:
        batch.state.remove_clock(key)
    else:
        batch.state.put_clock(key, kept)
