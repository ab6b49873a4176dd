"""A legal clock as it is published: in an escalation (of a report) or a routing event (of a request)."""

from typing import Literal

import msgspec

from streams.contract.events.report import Pseudonym

# `over`: a retention period has ended, or a time before which nothing may be done.
RunningStatus = Literal["running", "paused", "lapsed", "fulfilled", "withdrawn", "over"]

# verified: in the law itself or an official text about it; secondary: what others say about it; unverified:
# from memory.
Mark = Literal["verified", "secondary", "unverified"]


class ClockMarks(msgspec.Struct, frozen=True, omit_defaults=True):
    """How well the law behind a clock was read: its time, and the dates on which it is in force."""

    dates: Mark
    time: Mark | None = None


class ClockView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A legal clock after a transition. Times are RFC 3339 in UTC.

    Use `clock_id` to name the clock in a `clock-outcomes` event. `elapsed` is the share of its time that has
    passed, from 0 to 1, not counting pauses; it is 1 once the clock has lapsed. `due_at` moves when a pause
    ends. `actor` is the pseudonym of whoever decided on the outcome that caused the transition; absent if
    none did or the outcome names nobody. `not_before` is present while the law forbids acting: `due_at` is
    then no deadline but the same time, and the status becomes `over` when the wait ends. `marks` say how well
    the law behind the clock was read when the clock was started; absent from clocks of earlier versions.
    `pause_reason` is present on a clock that is paused from its start: the ground, as a row of the registry
    names it.
    """

    clock_id: str
    obligation: str
    status: RunningStatus
    started_at: str
    due_at: str
    elapsed: float
    actor: Pseudonym | None = None
    not_before: str | None = None
    marks: ClockMarks | None = None
    pause_reason: str | None = None
