"""The life of a stored clock from start to end, the same for reports and requests.

The stages differ only in how they publish a `ClockChange`.
"""

from typing import Literal, NamedTuple

import msgspec

from streams.contract.events.clock import ClockView
from streams.contract.events.clock_outcome import ClockOutcome
from streams.deciding.clocks.clock import ENDS, Step, apply_outcome, clock_view, ends_by_itself, take_step
from streams.deciding.clocks.store import ClockKey, LegalClock

ClockEvent = Literal[
    "armed", "half", "nine_tenths", "lapsed", "paused", "resumed", "fulfilled", "withdrawn", "over"
]

_STEP_EVENTS: dict[Step, ClockEvent] = {"half": "half", "nine_tenths": "nine_tenths", "due": "lapsed"}


class ClockChange(NamedTuple):
    """A change of a clock at `at` (ms since the epoch); `view` is the clock afterwards.

    If `ended`, the clock is removed.
    """

    event: ClockEvent
    at: int
    view: ClockView
    ended: bool


def step_clock(key: ClockKey, kept: LegalClock, at: int) -> ClockChange:
    """Take the clock's next step, which is due at `at`."""
    step = take_step(kept.clock)
    kept.sequence += 1
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at)
    # A retention period ends by itself: the data may be deleted. An unfulfilled duty is still owed after its
    # deadline, and after the wait before which it must not be done.
    event = "over" if view.status == "over" else _STEP_EVENTS[step]
    return ClockChange(event, at, view, ends_by_itself(kept.clock))


def settle_clock(
    key: ClockKey, kept: LegalClock, outcome: ClockOutcome, occurred: int, now: int
) -> ClockChange:
    """Apply an outcome that occurred at `occurred` and that `clock.check_outcome` accepts."""
    at = apply_outcome(kept.clock, outcome.outcome, outcome.reason, at=occurred, now=now)
    kept.sequence += 1
    ended = outcome.outcome in ENDS
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at, outcome.outcome if ended else None)
    view = msgspec.structs.replace(view, actor=outcome.actor)
    return ClockChange(outcome.outcome, at, view, ended)
