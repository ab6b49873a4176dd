"""All that a decision, an answer to an authority, or a proposal of either says, row by row, for a signer."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from streams.contract.events.case_activity import CaseActivity, CaseNote, ProposedOutcome
from streams.contract.events.escalation import Escalation
from streams.contract.events.report import Category
from streams.desk.console.casework.permissions import why_two
from streams.desk.console.casework.work import DeskDecision, Work
from streams.desk.console.read_model.case_query import KnownAct, KnownCase
from streams.desk.console.read_model.requests_query import KnownRequest
from streams.desk.console.web.clock_lines import (
    ClockLine,
    Judged,
    decided_lines,
    ending_lines,
    open_clock_ids,
    proposed_lines,
)
from streams.desk.console.web.forms import LOST_RACE, NOT_KNOWN, SNOOZES, page_id
from streams.desk.console.web.vocabulary import Vocabulary
from streams.desk.console.web.words import in_words
from streams.desk.text.category_words import category_title
from streams.desk.text.duty_words import marks_words, penalty_words, signature_words, why_no_clock
from streams.desk.text.reason_choice import mismatch
from streams.registry.category import CategoryRules

Known = KnownCase | KnownRequest


class Row(NamedTuple):
    """What a decision says about one thing, or about each clock."""

    about: str
    lines: Sequence[str]
    clocks: Sequence[ClockLine] = ()
    # A contradiction that a signer should see.
    remark: str = ""

    def __str__(self) -> str:
        return " ".join([self.about.lower(), ", ".join([*self.lines, *map(str, self.clocks)])]).rstrip()


def judged_by(act: CaseActivity, work: Work[Any]) -> Judged | None:
    """What holds once an act counts; None if it decides nothing."""
    if act.kind == "proposal_signed":
        return None if work.proposal is None else work.proposal.outcome
    return proposed_in(act) if act.kind == "decided" else None


def proposed_in(act: CaseActivity) -> Judged | None:
    """What an act decides or proposes; None if it does neither."""
    return act.proposed_answer if act.proposed is None else act.proposed


def named_acts(acts: Sequence[KnownAct]) -> Iterator[tuple[KnownAct, str]]:
    """Acts on a case, each with what was done: who declines their own proposal takes it back."""
    proposer = None
    for each in acts:
        act = each.act
        takes_back = act.kind == "proposal_declined" and act.actor.ref == proposer
        yield each, "proposal taken back" if takes_back else in_words(act.kind)
        if act.kind == "outcome_proposed" and each.refused is None:
            proposer = act.actor.ref


def word_of(judged: Judged) -> str:
    """A decision or an answer in its own word, such as `upheld`."""
    return in_words(judged.decision if isinstance(judged, ProposedOutcome) else judged.answer)


def remark_on(judged: Judged, categories: Mapping[Category, CategoryRules]) -> str:
    """A warning if a reason belongs to another area than the category found; else empty."""
    if not isinstance(judged, ProposedOutcome):
        return ""
    return mismatch(judged.decision, judged.reason, categories.get(judged.category))


def rows_at_the_time(judged: Judged, known: Known, vocabulary: Vocabulary) -> list[Row]:
    """What was said of a case or a request, with the clocks that were to end."""
    ends = ending_lines(judged, known.clocks, vocabulary.duties)
    return _rows(judged, known, vocabulary, _clocks(ends) if ends else Row("No clock ends", []))


def rows_of_proposal(judged: Judged, known: Known, vocabulary: Vocabulary) -> list[Row]:
    """The same with every clock, who is told, and why it takes two: all that a second person signs."""
    clocks = _clocks(proposed_lines(judged, known.clocks, vocabulary.duties))
    rows = _with_notices(_rows(judged, known, vocabulary, clocks), judged, known)
    if isinstance(judged, ProposedOutcome) and isinstance(known, KnownCase):
        why = dict.fromkeys(
            reason for each in known.members for reason in why_two(each.events, judged.decision)
        )
        rows += [Row("Why two people", list(why))] if why else []
    return rows


def rows_of_decision(decision: DeskDecision[Any], known: Known, vocabulary: Vocabulary) -> list[Row]:
    """All that was decided, with the clocks as they were then."""
    judged, clocks = decision.outcome, _clocks(decided_lines(decision, known.clocks, vocabulary.duties))
    return _with_notices(_rows(judged, known, vocabulary, clocks), judged, known)


def work_shown(
    known: Known, vocabulary: Vocabulary, said: str | None, status_code: int, draft: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What the pages of cases and of requests have in common, as their templates name it.

    `said` is what to tell the reader first, `draft` the form as it was sent.
    """
    work = known.work
    return {
        "case": known,
        "row": known.row,
        "said": said,
        # What was typed stays in sight, except after a lost race: one key would overturn the winner.
        "unfolded": draft is not None and status_code != LOST_RACE,
        "draft": draft is not None,
        "typed": draft or {},
        # A new one for each page: sending its form twice has one effect. The same again where nobody knows
        # whether it had one.
        "act_id": page_id(draft) if status_code == NOT_KNOWN else secrets.token_hex(16),
        "notes": get_args(CaseNote),
        "snoozes": list(SNOOZES),
        "why_no_clock": why_no_clock,
        "signature_words": signature_words,
        "marks_words": marks_words,
        "penalty_words": penalty_words,
        "work": work,
        # What a form says that its page showed.
        "version": known.seen if isinstance(known, KnownCase) else work.version,
        "needs_two": known.needs_two if isinstance(known, KnownCase) else known.row["needs_two"],
        "proposed": rows_of_proposal(work.proposal.outcome, known, vocabulary) if work.proposal else [],
        "decided": rows_of_decision(work.decision, known, vocabulary) if work.decision else [],
        "open_clocks": open_clock_ids(known.clocks),
        "notes_left": [each.act for each in known.acts if each.act.note and each.refused is None],
    }


def _clocks(lines: Sequence[ClockLine]) -> Row:
    return Row("Clocks", [] if lines else ["none"], lines)


def _with_notices(rows: list[Row], judged: Judged, known: Known) -> list[Row]:
    if isinstance(judged, ProposedOutcome) and isinstance(known, KnownCase):
        rows.append(Row("Notices", [_notices(judged, known.newest)]))
    return rows


def _rows(judged: Judged, known: Known, vocabulary: Vocabulary, clocks: Row) -> list[Row]:
    if isinstance(judged, ProposedOutcome):
        assert isinstance(known, KnownCase)
        rows = _outcome_rows(judged, known.newest, vocabulary)
    else:
        rows = [Row("Answer", [in_words(judged.answer)])]
    rows.append(clocks)
    if judged.supersedes is not None:
        rows.append(Row("Replaces", ["what held before"]))
    return rows


def _outcome_rows(outcome: ProposedOutcome, newest: Escalation, vocabulary: Vocabulary) -> list[Row]:
    reported = (
        "" if outcome.category == newest.category else f", reported as {category_title(newest.category)}"
    )
    action, message = outcome.action, outcome.message_ref
    remark = remark_on(outcome, vocabulary.categories)
    return [
        Row("Decision", [in_words(outcome.decision)]),
        Row("Category", [category_title(outcome.category) + reported]),
        Row("Reason", [in_words(outcome.reason)], remark=remark),
        Row("Judged by", [vocabulary.ground(outcome.ground)]),
        Row("Content", [_measure(None if action is None else action.visibility)]),
        Row("Account", [_measure(None if action is None else action.account)]),
        Row("About", ["all that this case counted" if message is None else f"message {message}"]),
    ]


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
