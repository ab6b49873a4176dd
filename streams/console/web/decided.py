"""Everything that a decision says, or an answer to an authority, or a proposal of either: row by row, for who signs it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from streams.console.casework.work import Work
from streams.console.read_model.case_query import HangingClock, KnownCase
from streams.console.read_model.requests_query import KnownRequest
from streams.console.web.words import duty_name, in_words
from streams.events.case_activity import CaseActivity, ProposedAnswer, ProposedOutcome
from streams.events.escalation import Escalation
from streams.events.moderation_outcome import LawGround, OutcomeGround
from streams.registry.rules import Obligation
from streams.text.routing_text import minute

Duties = Mapping[str, Obligation]
Known = KnownCase | KnownRequest
Judged = ProposedOutcome | ProposedAnswer

_REMOVING = ("remove", "geo_disable")


class Row(NamedTuple):
    """What a decision says about one thing; several lines about clocks."""

    about: str
    lines: Sequence[str]


def judged_by(act: CaseActivity, work: Work[Any]) -> Judged | None:
    """What holds once an act counts; None if it decides nothing."""
    if act.kind == "proposal_signed":
        return None if work.proposal is None else work.proposal.outcome
    return proposed_in(act) if act.kind == "decided" else None


def proposed_in(act: CaseActivity) -> Judged | None:
    """What an act decides or proposes; None if it does neither."""
    return act.proposed_answer if act.proposed is None else act.proposed


def word_of(judged: Judged) -> str:
    """A decision or an answer in its own word, such as `upheld`."""
    return in_words(judged.decision if isinstance(judged, ProposedOutcome) else judged.answer)


def rows_at_the_time(judged: Judged, known: Known, duties: Duties) -> list[Row]:
    """What was said of a case or a request, with the clocks that were to end."""
    return _rows(judged, known, duties, ending_lines(judged, known.clocks, duties) or ["none ends"])


def rows_now(judged: Judged, known: Known, duties: Duties) -> list[Row]:
    """The same with every clock, also those that run on, and with whom it is told to."""
    ending = {each.clock_id for each in judged.clocks}
    running = [
        f"{_clock_name(each, duties)}: runs on"
        for each in known.clocks
        if each.is_open and each.view.clock_id not in ending
    ]
    lines = ending_lines(judged, known.clocks, duties) + running
    rows = _rows(judged, known, duties, lines or ["none"])
    if isinstance(judged, ProposedOutcome) and isinstance(known, KnownCase):
        rows.append(Row("Notices", [_notices(judged, known.newest)]))
    return rows


def ending_lines(judged: Judged, known: Sequence[HangingClock], duties: Duties) -> list[str]:
    """Each clock that ends, by the title of its duty, and how; one that a person may not see by its id alone.

    It says so where content that was found to break a rule stays, and yet a duty to remove it is said to be fulfilled.
    """
    clocks = {each.view.clock_id: each for each in known}
    lines = []
    for end in judged.clocks:
        clock = clocks.get(end.clock_id)
        name = end.clock_id if clock is None else _clock_name(clock, duties)
        duty = None if clock is None else duties.get(clock.view.obligation)
        asks_to_remove = duty is not None and duty.action in _REMOVING
        stays = end.outcome == "fulfilled" and asks_to_remove and _content_stays(judged)
        lines.append(f"{name}: {in_words(end.outcome)}{', although the content stays' if stays else ''}")
    return lines


def _rows(judged: Judged, known: Known, duties: Duties, clocks: Sequence[str]) -> list[Row]:
    if isinstance(judged, ProposedOutcome):
        assert isinstance(known, KnownCase)
        rows = _outcome_rows(judged, known.newest, duties)
    else:
        rows = [Row("Answer", [in_words(judged.answer)])]
    rows.append(Row("Clocks", clocks))
    if judged.supersedes is not None:
        rows.append(Row("Replaces", ["what held before"]))
    return rows


def _outcome_rows(outcome: ProposedOutcome, newest: Escalation, duties: Duties) -> list[Row]:
    reported = "" if outcome.category == newest.category else f", reported as {in_words(newest.category)}"
    action, message = outcome.action, outcome.message_ref
    return [
        Row("Decision", [in_words(outcome.decision)]),
        Row("Category", [in_words(outcome.category) + reported]),
        Row("Reason", [in_words(outcome.reason)]),
        Row("Judged by", [_ground(outcome.ground, duties)]),
        Row("Content", [_measure(None if action is None else action.visibility)]),
        Row("Account", [_measure(None if action is None else action.account)]),
        Row("About", ["all that this case counted" if message is None else f"message {message}"]),
    ]


def _clock_name(clock: HangingClock, duties: Duties) -> str:
    return f"{duty_name(duties, clock.view.obligation)}, due {minute(clock.view.due_at)}"


def _ground(ground: OutcomeGround, duties: Duties) -> str:
    if isinstance(ground, LawGround):
        return f"{duty_name(duties, ground.duty)}, in {ground.jurisdiction}"
    return f"rule {ground.rule} of the terms"


def _content_stays(judged: Judged) -> bool:
    if not isinstance(judged, ProposedOutcome) or judged.decision != "upheld":
        return False
    return judged.action is None or judged.action.visibility not in ("removed", "disabled")


def _measure(taken: str | None) -> str:
    return "nothing is done" if taken is None else in_words(taken)


def _notices(outcome: ProposedOutcome, newest: Escalation) -> str:
    # Whom exactly is known to the workers alone, and they write notices only where reporters are on.
    whom = (
        "the people who reported it"
        if newest.counts.distinct_reporters != 1
        else "the person who reported it"
    )
    what = "that the decision changed" if outcome.supersedes else "decision and ground"
    return f"{whom}: {what}, and until when to contest it, if your workers write notices"
