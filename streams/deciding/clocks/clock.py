"""A legal clock: it starts, pauses where the law allows it, takes its steps, and is ended by an outcome.

The same clock serves reports and authorities' requests. Times are in milliseconds since the epoch. The caller
stores the clock and takes each step at `next_step_time`. A clock keeps the terms with which it was started: a
later change of the law does not affect it.

    clock = start_clock(obligation, received_ms, deadline(obligation, received_ms, calendars))
    while (time := next_step_time(clock)) is not None and time <= now:
        step = take_step(clock)
    settled = apply_outcome(clock, "paused", "clarification_awaited", at=occurred_ms, now=now)
"""

from typing import Literal

import msgspec

from streams.contract.events.clock import ClockMarks, ClockView, RunningStatus
from streams.contract.events.clock_outcome import OutcomeKind
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY
from streams.registry.obligation import Obligation

# `half` and `nine_tenths` are warnings while there is still time to act; `due` is the deadline.
Step = Literal["half", "nine_tenths", "due"]
# (step, tenths of the clock's length after which it is taken)
STEPS: tuple[tuple[Step, int], ...] = (("half", 5), ("nine_tenths", 9), ("due", 10))
ENDS: frozenset[OutcomeKind] = frozenset({"fulfilled", "withdrawn"})

# A retention period or a wait needs no warnings: nobody has to act before it ends.
_ONE_STEP = STEPS[-1:]

# A deadline that a pause postpones (False); a retention period, which ends by itself (True); a deadline that
# starts again after a pause; a wait, before whose end nothing may be done. The first two are what earlier
# versions stored.
Terms = bool | Literal["restarts", "waits"]

_MILLIONTH = 6


class Clock(msgspec.Struct, array_like=True):
    """One clock. Change it only with the functions below.

    `started` and `length` come from the law: without pauses the clock is due at `started + length`. `paused`
    is the time that does not count because of finished pauses (for one that restarts: all until the last
    pause ended), `paused_at` the start of the current one. `since` is when the clock last started, paused or
    resumed; no outcome takes effect before it. `steps` is the number of steps taken since it started or
    restarted.
    """

    started: int
    length: int
    pausable_for: tuple[str, ...]
    terms: Terms
    since: int
    steps: int = 0
    paused: int = 0
    paused_at: int | None = None


def start_clock(obligation: Obligation, started: int, due: int, *, paused: bool = False) -> Clock:
    """Return the clock of a duty that began at `started` and is due at `due` (see `deadlines.deadline`).

    One that is `paused` from the start has used up none of its time when it is resumed.
    """
    return Clock(
        started=started,
        length=due - started,
        pausable_for=obligation.pausable_for,
        terms=_terms(obligation),
        since=started,
        paused_at=started if paused else None,
    )


def restart(clock: Clock, started: int, due: int) -> None:
    """Count a clock again from `started` to `due`, as if it had not run before."""
    clock.started = clock.since = started
    clock.length = due - started
    clock.steps = clock.paused = 0
    clock.paused_at = None


def has_only_paused(clock: Clock, at: int) -> bool:
    """Whether all the time from the start until the clock was resumed at `at` was a pause."""
    return clock.paused == at - clock.started and not clock.steps


def count_from(clock: Clock, at: int, due: int) -> None:
    """Let a clock that was resumed at `at`, and of which no time had run, end at `due`."""
    clock.length = due - at


def copy_of(clock: Clock) -> Clock:
    """Return a copy on which steps and outcomes can be tried out."""
    return msgspec.structs.replace(clock)


def due_time(clock: Clock) -> int:
    """Return when the clock is due. A pause postpones it only once the pause has ended."""
    return clock.started + clock.paused + clock.length


def next_step_time(clock: Clock) -> int | None:
    """Return when the next step is due; None while the clock is paused and after the last step."""
    steps = _steps(clock)
    if clock.paused_at is not None or clock.steps == len(steps):
        return None
    return clock.started + clock.paused + clock.length * steps[clock.steps][1] // 10


def take_step(clock: Clock) -> Step:
    """Take the next step, which must be due.

    After `due` a deadline has lapsed, or a retention period or wait is over.
    """
    step, _ = _steps(clock)[clock.steps]
    clock.steps += 1
    return step


def status(clock: Clock) -> RunningStatus:
    """Return the status of a clock without an outcome: running, paused, lapsed, or over (retention, wait)."""
    if clock.paused_at is not None:
        return "paused"
    if clock.steps < len(_steps(clock)):
        return "running"
    return "over" if clock.terms in (True, "waits") else "lapsed"


def nearly_due(clock: Clock) -> bool:
    """Return whether the clock runs and less than a tenth of its time is left."""
    return (
        status(clock) == "running" and clock.steps > 0 and _steps(clock)[clock.steps - 1][0] == "nine_tenths"
    )


def ends_by_itself(clock: Clock) -> bool:
    """Return whether the clock needs no outcome: a retention period that is over.

    After a wait the duty is still owed.
    """
    return clock.terms is True and status(clock) == "over"


def apply_outcome(clock: Clock, outcome: OutcomeKind, reason: str | None, *, at: int, now: int) -> int:
    """Apply an outcome that a desk reported for `at`, and return the time at which it takes effect.

    That is `at`, but not after `now` and not before `clock.since`. `paused` and `resumed` change the clock;
    after `fulfilled` and `withdrawn` the caller must remove it. Raises Rejected with reason `not_pausable`,
    changing nothing, if the duty does not allow a pause for `reason`, if a clock to pause is already paused
    or has lapsed, or if a clock to resume is not paused.
    """
    effective = max(clock.since, min(at, now))
    if outcome == "paused":
        if reason not in clock.pausable_for:
            raise _not_pausable("reason", "Must be a reason for which the duty allows a pause.")
        if status(clock) != "running":
            raise _not_pausable("outcome", "Must not be `paused`: the clock is already paused or has lapsed.")
        clock.since = clock.paused_at = effective
    elif outcome == "resumed":
        if clock.paused_at is None:
            raise _not_pausable("outcome", "Must not be `resumed`: the clock is not paused.")
        if clock.terms == "restarts":
            clock.paused = effective - clock.started
            clock.steps = 0
        else:
            clock.paused += _lasted(clock, effective - clock.paused_at)
        clock.paused_at = None
        clock.since = effective
    return effective


def check_outcome(clock: Clock, outcome: OutcomeKind, reason: str | None, *, at: int, now: int) -> None:
    """Raise what `apply_outcome` would raise after the steps due at `now` are taken; change nothing.

    Raises Rejected with reason `clock_not_running` if these steps end the clock, as they end a retention
    period: the result must not depend on whether a tick came before the outcome.
    """
    clock = copy_of(clock)
    while (due := next_step_time(clock)) is not None and due <= now:
        take_step(clock)
    if ends_by_itself(clock):
        raise Rejected(
            "clock_not_running",
            "clock_id",
            "Must be the id of an open clock; the retention period of this one is over.",
        )
    apply_outcome(clock, outcome, reason, at=at, now=now)


def elapsed(clock: Clock, at: int) -> float:
    """Return the share of its time that has passed at `at`, without pauses: 0 to 1, rounded to millionths."""
    if status(clock) in ("lapsed", "over") or not clock.length:
        return 1.0
    until = at if clock.paused_at is None else clock.paused_at
    passed = until - clock.started - clock.paused
    return round(min(1.0, max(0.0, passed / clock.length)), _MILLIONTH)


def clock_view(
    clock: Clock,
    clock_id: str,
    obligation: str,
    at: int,
    ended: OutcomeKind | None = None,
    marks: ClockMarks | None = None,
) -> ClockView:
    """Return the clock as published at `at`; `ended` is the outcome that has ended it, if any.

    `marks` are those of the law by which it was started.
    """
    now = ended if ended in ("fulfilled", "withdrawn") else status(clock)
    waits = clock.terms == "waits" and now in ("running", "paused")
    due_at = rfc3339(due_time(clock))
    return ClockView(
        clock_id=clock_id,
        obligation=obligation,
        status=now,
        started_at=rfc3339(clock.started),
        due_at=due_at,
        elapsed=elapsed(clock, at),
        not_before=due_at if waits else None,
        marks=marks,
    )


def marks_of(obligation: Obligation) -> ClockMarks:
    """Return how well the time and the dates of a duty were read, as its clock publishes it."""
    return ClockMarks(dates=obligation.marks.dates, time=obligation.marks.time)


def _terms(obligation: Obligation) -> Terms:
    if obligation.meaning == "not_before":
        return "waits"
    if obligation.after_pause == "restarts":
        return "restarts"
    return obligation.meaning == "retention"


def _lasted(clock: Clock, pause: int) -> int:
    """How long a pause counts (ms).

    What must be kept, or must not be done before an end, ends with a day (see `deadlines`), so its pauses are
    whole days, rounded up: the end stays that of a day, and comes no earlier. Not if no time had run before:
    the whole time is then counted anew (see `count_from`).
    """
    if clock.terms not in (True, "waits") or clock.paused_at == clock.started:
        return pause
    return -(-pause // DAY) * DAY


def _steps(clock: Clock) -> tuple[tuple[Step, int], ...]:
    return _ONE_STEP if clock.terms in (True, "waits") else STEPS


def _not_pausable(field: str, detail: str) -> Rejected:
    return Rejected("not_pausable", field, detail)
