"""What the registry's row of a duty rests on, and why no clock of it runs, in words."""

from streams.contract.events.authority_routing import PossiblePenalty
from streams.contract.events.clock import ClockMarks
from streams.contract.events.obligation import AppliedObligation, NotArmedReason, Signed

NOT_ARMED: dict[NotArmedReason, str] = {
    "trigger_not_met": "another event starts it, such as an order or a reviewer's finding",
    "elements_missing": "the notice lacks elements that the law requires",
    "unverified": "its row in the registry is marked unverified",
    "no_duration": "the law sets no fixed time limit",
    "no_holiday_calendar": "no source defines which days are holidays",
    "retention": "it says what data to keep, not what action to take",
}
"""Why no legal clock of a duty runs."""

_ADVISORY = "its time or dates are known from secondary sources only"


def why_no_clock(duty: AppliedObligation) -> str:
    """Why no clock of the duty runs; empty if one does."""
    if duty.advisory:
        return _ADVISORY
    return "" if duty.not_armed_reason is None else NOT_ARMED[duty.not_armed_reason]


def signature_words(signed: Signed | None) -> str:
    """Whether somebody signed the row for the platform."""
    return "unsigned" if signed is None else f"signed by {signed.by} on {signed.on}"


def penalty_words(penalty: PossiblePenalty) -> str:
    """What threatens whom if a duty is not fulfilled, as a sentence."""
    where = f" ({penalty.article})" if penalty.article else ""
    return f"If {penalty.obligation} is not fulfilled: {penalty.amount}; liable: {penalty.liable}{where}."


def marks_words(marks: ClockMarks | None) -> str:
    """How well the law behind a clock was read; empty if that is not known."""
    if marks is None:
        return ""
    dates = f"dates {marks.dates}"
    return dates if marks.time is None else f"time {marks.time}, {dates}"
