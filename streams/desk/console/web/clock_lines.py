"""What becomes of legal clocks with a decision, an answer to an authority, or a proposal of either."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from streams.contract.events.case_activity import ProposedAnswer, ProposedOutcome
from streams.contract.wire.times import epoch_ms, moment_ms
from streams.desk.console.casework.follow_ups import clock_outcome_id
from streams.desk.console.casework.work import DeskDecision
from streams.desk.console.read_model.case_query import HangingClock
from streams.desk.console.web.words import duty_and_time, in_words
from streams.registry.obligation import Obligation

Duties = Mapping[str, Obligation]
Judged = ProposedOutcome | ProposedAnswer

_REMOVING: Final = ("remove", "geo_disable")
_ENDS: Final = ("fulfilled", "withdrawn")


class ClockLine(NamedTuple):
    """A clock by the title of its duty, and what becomes of it; `remark` names a contradiction, if any."""

    name: str
    becomes: str
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.becomes}{f', {self.remark}' if self.remark else ''}"


def ending_lines(judged: Judged, known: Sequence[HangingClock], duties: Duties) -> list[ClockLine]:
    """Each clock that is said to end, and how.

    One that a person may not see by its id, and that they may not see it.
    It remarks on a duty to remove content that is said to be fulfilled although nothing is removed.
    """
    return [line for line, _ in _ends(judged, known, duties, None)]


def ended_lines(
    judged: Judged, known: Sequence[HangingClock], duties: Duties, decision_id: str
) -> list[ClockLine]:
    """Those of these clocks that ended with the decision of this id, and that nobody ended before."""
    return [line for line, elsewise in _ends(judged, known, duties, decision_id) if elsewise is None]


def proposed_lines(judged: Judged, known: Sequence[HangingClock], duties: Duties) -> list[ClockLine]:
    """What becomes of each open clock if a proposal is signed, and of those that somebody ended meanwhile."""
    running = [
        ClockLine(duty_and_time(duties, each.row), "runs on")
        for each in _left_out(judged, known)
        if each.is_open and _ended_elsewise(each, None) is None
    ]
    return _with_what_is(_ends(judged, known, duties, None)) + running


def decided_lines(
    decision: DeskDecision[Judged], known: Sequence[HangingClock], duties: Duties
) -> list[ClockLine]:
    """What became of every clock that was open at the decision; later events of clocks change nothing."""
    at = epoch_ms(decision.at)
    ran_on = [
        ClockLine(duty_and_time(duties, each.row), "ran on then")
        for each in _left_out(decision.outcome, known)
        if moment_ms(each.view.started_at) <= at and (each.is_open or moment_ms(each.steps[-1].at) > at)
    ]
    return _with_what_is(_ends(decision.outcome, known, duties, decision.activity_id)) + ran_on


def open_clock_ids(known: Sequence[HangingClock]) -> str:
    """The clocks that nobody has ended, as the form to sign a proposal says which of them its page showed."""
    return " ".join(
        sorted(each.view.clock_id for each in known if each.is_open and _ended_elsewise(each, None) is None)
    )


def _ends(
    judged: Judged, known: Sequence[HangingClock], duties: Duties, decision_id: str | None
) -> list[tuple[ClockLine, str | None]]:
    """Each clock that is said to end, and how it ended if that was somebody else's doing."""
    clocks = {each.view.clock_id: each for each in known}
    lines: list[tuple[ClockLine, str | None]] = []
    for end in judged.clocks:
        clock = clocks.get(end.clock_id)
        if clock is None:
            name = f"clock {end.clock_id}, which is not yours to see"
            lines.append((ClockLine(name, in_words(end.outcome)), None))
            continue
        duty = duties.get(clock.view.obligation)
        asks_to_remove = duty is not None and duty.action in _REMOVING
        remark = _what_stays(judged) if end.outcome == "fulfilled" and asks_to_remove else ""
        line = ClockLine(duty_and_time(duties, clock.row), in_words(end.outcome), remark)
        lines.append((line, _ended_elsewise(clock, decision_id)))
    return lines


def _with_what_is(ends: Sequence[tuple[ClockLine, str | None]]) -> list[ClockLine]:
    return [
        line if elsewise is None else ClockLine(line.name, f"already {elsewise}, nothing changes")
        for line, elsewise in ends
    ]


def _ended_elsewise(clock: HangingClock, decision_id: str | None) -> str | None:
    """How a clock ended, and by whom, if it did and not with the decision of this id."""
    owner = (clock.row["subject"], clock.row["key"])
    # The first one in the log counts. A worker refuses one that names another owner, and may not have applied
    # it yet.
    for said in clock.outcomes:
        if said.outcome in _ENDS and (said.subject, said.key) == owner:
            ours = decision_id is not None and said.outcome_id == clock_outcome_id(
                decision_id, clock.view.clock_id
            )
            return None if ours else f"{in_words(said.outcome)} (by {said.actor or 'a desk'})"
    return None if clock.is_open else in_words(clock.view.status)


def _left_out(judged: Judged, known: Sequence[HangingClock]) -> list[HangingClock]:
    ending = {each.clock_id for each in judged.clocks}
    return [each for each in known if each.view.clock_id not in ending]


def _what_stays(judged: Judged) -> str:
    if not isinstance(judged, ProposedOutcome):
        return ""
    if judged.decision != "upheld":
        return "although nothing was removed"
    removed = judged.action is not None and judged.action.visibility in ("removed", "disabled")
    return "" if removed else "although the content stays"
