"""Part 7: complaints, disputes and suspensions (Regulation (EU) 2022/2065, art. 15(1)(d) and 24(1))."""

from collections.abc import Iterator
from typing import Final

from streams.contract.events.internal.reporter_paused import PausedFor
from streams.contract.events.transparency import ComplaintResult, ComplaintSubject
from streams.statutory.fill import Cell, FilledRow
from streams.statutory.parts import parts
from streams.statutory.sums import PeriodSums
from streams.statutory.template import VALUE, Row

_NO_ACTION: Final[tuple[ComplaintSubject, ...]] = ("no_action", "no_action_trusted_flagger")
# By the beginning of the indicator. A notice of a trusted flagger is one under article 16 too.
_ABOUT: Final[dict[str, tuple[ComplaintSubject, ...] | None]] = {
    "Number of complaints submitted": None,
    "Complaint regarding a decision to remove or disable": ("visibility",),
    "Complaint regarding a decision to suspend or terminate an account": ("account",),
    "Complaint regarding a decision not to take action on a notice submitted in accordance": _NO_ACTION,
    "Complaint regarding a decision not to take action on a notice submitted by a Trusted": (
        "no_action_trusted_flagger",
    ),
}
_RESULTS: Final[dict[str, ComplaintResult | None]] = {
    "Total number": None,
    "Decisions upheld": "upheld",
    "Decisions partially reversed": "partially_reversed",
    "Decisions reversed": "reversed",
}
_NEW_RESTRICTIONS: Final = "Number of restrictions newly imposed"
_CONTEXT: Final = "Contextual Information"
_COUNTED_FROM: Final = "Decisions that replaced an earlier one, after a complaint or a second look"
# By the end of the indicator.
_SUSPENSIONS: Final[dict[str, PausedFor]] = {
    "manifestly unfounded notices": "notices",
    "manifestly unfounded complaints": "complaints",
}
_PAUSES: Final = "Reporters whose notices were paused after a warning, each pause once"


def fill_complaints(sums: PeriodSums) -> Iterator[FilledRow]:
    """Fill in complaints by what came of them, and suspensions of reporters.

    When complaints were sent, disputes, and other suspensions only the platform knows. Without any pause the
    cell stays blank: a platform may keep its suspensions elsewhere.
    """
    for row in parts()[6].rows:
        paused = next((why for end, why in _SUSPENSIONS.items() if row.label.endswith(end)), None)
        if paused is not None:
            number = sums.suspensions[paused]
            yield FilledRow(row, {VALUE: number, _CONTEXT: _PAUSES} if number else {})
            continue
        value = _value(sums, row) if sums.follows_messages else None
        yield FilledRow(row, {} if value is None else {VALUE: value, _CONTEXT: _COUNTED_FROM})


def _value(sums: PeriodSums, row: Row) -> Cell:
    if row.label.startswith(_NEW_RESTRICTIONS):
        return _sum(sums, _NO_ACTION, "reversed")
    for beginning, about in _ABOUT.items():
        if row.label.startswith(beginning) and row.scope in _RESULTS:
            return _sum(sums, about, _RESULTS[row.scope])
    return None


def _sum(sums: PeriodSums, about: tuple[ComplaintSubject, ...] | None, result: ComplaintResult | None) -> int:
    return sum(
        count
        for (subject, came_out), count in sums.complaints.items()
        if (about is None or subject in about) and (result is None or came_out == result)
    )
