"""What happens to a stored clock between its start and its end, the same for reports and requests.

Each stage only says how a `ClockChange` is published.
"""

from typing import Literal, NamedTuple

from streams.clocks.clock import ENDS, Step, apply_outcome, clock_view, take_step
from streams.clocks.store import ClockKey, LegalClock
from streams.events.clock import ClockView
from streams.events.clock_outcome import ClockOutcome

ClockEvent = Literal[
    "armed", "half", "nine_tenths", "lapsed", "paused", "resumed", "fulfilled", "withdrawn", "over"
]

_STEP_EVENTS: dict[Step, ClockEvent] = {"half": "half", "nine_tenths": "nine_tenths", "due": "lapsed"}


class ClockChange(NamedTuple):
    """Something that happened to a clock at `at` (ms since the epoch): `view` is the clock afterwards.

    `ended`: the clock is not kept any longer.
    """

    event: ClockEvent
    at: int
    view: ClockView
    ended: bool


def step_clock(key: ClockKey, kept: LegalClock, at: int) -> ClockChange:
    """Take the clock's next step, which is due, at `at`."""
    step = take_step(kept.clock)
    kept.sequence += 1
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at)
    # A retention period ends by itself: what was kept may go. A duty that was not fulfilled is still owed.
    over = view.status == "over"
    return ClockChange("over" if over else _STEP_EVENTS[step], at, view, over)


def settle_clock(
    key: ClockKey, kept: LegalClock, outcome: ClockOutcome, occurred: int, now: int
) -> ClockChange:
    """Apply an outcome that fits the clock (see `clock.check_outcome`) and that occurred at `occurred`."""
    at = apply_outcome(kept.clock, outcome.outcome, outcome.reason, at=occurred, now=now)
    kept.sequence += 1
    ended = outcome.outcome in ENDS
    view = clock_view(kept.clock, key.clock_id, kept.obligation, at, outcome.outcome if ended else None)
    return ClockChange(outcome.outcome, at, view, ended)
