"""What became of an outcome that somebody gave to a legal clock, as the clock itself tells."""

from typing import Literal

from streams.contract.events.clock_outcome import ClockOutcome

# settled: a worker applied it. too_late: by somebody else's outcome, or by time, the clock is something else
# by now.
ClockVerdict = Literal["settled", "too_late", "waits"]

_ENDED = ("fulfilled", "withdrawn", "over")


def verdict_on_clock(outcome: ClockOutcome, status: str, actor: str | None) -> ClockVerdict:
    """What became of an outcome that was written, by the clock's status now and who said so last.

    Nobody says so of a step that time alone brought.
    """
    if status == outcome.outcome:
        return "settled" if actor == outcome.actor else "too_late"
    # A clock that lapsed meanwhile cannot be paused any more.
    if status in _ENDED or (outcome.outcome == "paused" and status == "lapsed"):
        return "too_late"
    return "settled" if outcome.outcome == "resumed" and status != "paused" else "waits"
