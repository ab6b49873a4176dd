"""A legal clock: it starts, stands still while the law lets it, takes its steps, and is stopped by an outcome.

It knows nothing of what started it: the same clock runs for a report and for an authority's request. Times are in
milliseconds since the epoch. Whoever keeps a clock takes each step when `next_step_time` has come, and keeps what the
clock was started with: a later change of the law does not change it.

    clock = start_clock(obligation, received_ms, deadline(obligation, received_ms, calendars))
    while (time := next_step_time(clock)) is not None and time <= now:
        step = take_step(clock)
    settled = apply_outcome(clock, "paused", "clarification_awaited", at=occurred_ms, now=now)
"""

from typing import Literal

import msgspec

from streams.events.clock import ClockView, RunningStatus
from streams.events.clock_outcome import OutcomeKind
from streams.registry.rules import Obligation
from streams.wire.dead_letter import Rejected
from streams.wire.envelope import rfc3339

# `half` and `nine_tenths` are warnings while there is still time to act; `due` ends it.
Step = Literal["half", "nine_tenths", "due"]
# (step, tenths of the time at which it is taken)
STEPS: tuple[tuple[Step, int], ...] = (("half", 5), ("nine_tenths", 9), ("due", 10))
ENDS: frozenset[OutcomeKind] = frozenset({"fulfilled", "withdrawn"})

# What is kept for a time wants no warnings: nobody has to act before it is over.
_RETENTION_STEPS = STEPS[-1:]

_MILLIONTH = 6


class Clock(msgspec.Struct, array_like=True):
    """One clock. Change it with the functions below only.

    `started` and `length` are what the law gives: without pauses it is due at `started + length`. `paused` is the length
    of all pauses that are over, `paused_at` when the one that lasts began. `since` is when it last started, stopped or
    went on: nothing can happen to it before. `steps` is the number of steps taken.
    """

    started: int
    length: int
    pausable_for: tuple[str, ...]
    retention: bool
    since: int
    steps: int = 0
    paused: int = 0
    paused_at: int | None = None


def start_clock(obligation: Obligation, started: int, due: int) -> Clock:
    """The clock of a duty that began at `started` and is over at `due` (see `deadlines.deadline`)."""
    return Clock(
        started=started,
        length=due - started,
        pausable_for=obligation.pausable_for,
        retention=obligation.meaning == "retention",
        since=started,
    )


def copy_of(clock: Clock) -> Clock:
    """A clock in the same state, to find out on what would become of it."""
    return msgspec.structs.replace(clock)


def due_time(clock: Clock) -> int:
    """When its time is over as far as is known now: a pause moves it on when the pause ends."""
    return clock.started + clock.paused + clock.length


def next_step_time(clock: Clock) -> int | None:
    """When its next step is due; None while it stands still and after the last step."""
    steps = _steps(clock)
    if clock.paused_at is not None or clock.steps == len(steps):
        return None
    return clock.started + clock.paused + clock.length * steps[clock.steps][1] // 10


def take_step(clock: Clock) -> Step:
    """Take the next step, which must be due. After `due` a deadline has lapsed, a retention period is over."""
    step, _ = _steps(clock)[clock.steps]
    clock.steps += 1
    return step


def status(clock: Clock) -> RunningStatus:
    """What a clock is while no outcome has ended it: running, paused, lapsed, or over (retention)."""
    if clock.paused_at is not None:
        return "paused"
    if clock.steps < len(_steps(clock)):
        return "running"
    return "over" if clock.retention else "lapsed"


def apply_outcome(clock: Clock, outcome: OutcomeKind, reason: str | None, *, at: int, now: int) -> int:
    """Apply what a desk says happened at `at`, and give the time at which it takes effect.

    That is `at`, but neither after `now` nor before the last thing that happened to the clock. Pauses and resumptions
    change the clock; after `fulfilled` and `withdrawn` whoever keeps it must let go of it. Raises Rejected, with reason
    `not_pausable` and nothing changed, when the duty does not let it stand still for `reason`, or it stands still
    already, or has lapsed, or does not stand still and is to go on.
    """
    effective = max(clock.since, min(at, now))
    if outcome == "paused":
        if reason not in clock.pausable_for:
            raise _not_pausable("reason", "Must be a reason for which the duty lets its clock stand still.")
        if status(clock) != "running":
            raise _not_pausable("outcome", "Must name a clock that runs; this one is paused or has lapsed.")
        clock.since = clock.paused_at = effective
    elif outcome == "resumed":
        if clock.paused_at is None:
            raise _not_pausable("outcome", "Must name a clock that is paused.")
        clock.paused += effective - clock.paused_at
        clock.paused_at = None
        clock.since = effective
    return effective


def check_outcome(clock: Clock, outcome: OutcomeKind, reason: str | None, *, at: int, now: int) -> None:
    """Raise what `apply_outcome` would once the steps that are due at `now` are taken; changes nothing.

    Raises Rejected with reason `clock_not_running` if the last of them ends the clock: what was kept may then go, and
    whether a tick came before the outcome must make no difference.
    """
    clock = copy_of(clock)
    while (due := next_step_time(clock)) is not None and due <= now:
        take_step(clock)
    if status(clock) == "over":
        raise Rejected("clock_not_running", "clock_id", "Must name a clock whose time is not over.")
    apply_outcome(clock, outcome, reason, at=at, now=now)


def elapsed(clock: Clock, at: int) -> float:
    """The share of its time that has passed at `at`, pauses left out: 0 to 1, in millionths."""
    if status(clock) in ("lapsed", "over") or not clock.length:
        return 1.0
    until = at if clock.paused_at is None else clock.paused_at
    passed = until - clock.started - clock.paused
    return round(min(1.0, max(0.0, passed / clock.length)), _MILLIONTH)


def clock_view(
    clock: Clock, clock_id: str, obligation: str, at: int, ended: OutcomeKind | None = None
) -> ClockView:
    """The clock as it is published at `at`; `ended` is the outcome that has ended it, if one has."""
    return ClockView(
        clock_id=clock_id,
        obligation=obligation,
        status=ended if ended in ("fulfilled", "withdrawn") else status(clock),
        started_at=rfc3339(clock.started),
        due_at=rfc3339(due_time(clock)),
        elapsed=elapsed(clock, at),
    )


def _steps(clock: Clock) -> tuple[tuple[Step, int], ...]:
    return _RETENTION_STEPS if clock.retention else STEPS


def _not_pausable(field: str, detail: str) -> Rejected:
    return Rejected("not_pausable", field, detail)
