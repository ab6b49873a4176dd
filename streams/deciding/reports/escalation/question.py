"""What a desk is asked about a crowd, as it is kept with the episode, and what follows from the answers."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from streams.contract.events.report import Category
from streams.contract.events.review_question import ReviewAnswer
from streams.contract.wire.ids import stable_id
from streams.counting.attribution import ReportIdentity
from streams.counting.sums import WindowCounts

# What a desk found about a drawn report.
Verdict = Literal["upheld", "not_upheld"]


class DrawnReport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A report that was drawn, the name of its message in the state, and what was decided about it."""

    ce_source: str
    report_id: str
    message: str
    category: Category
    verdict: Verdict | None = None
    outcome_id: str = ""

    @property
    def identity(self) -> ReportIdentity:
        """By which the report is found among those of its message."""
        return ReportIdentity(self.ce_source, self.report_id)


class Question(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last question of an episode. Times are in ms since the epoch.

    `number` counts those of the episode from 1, `steps` what was published about this one. `level` waits for
    the answer. `crowd` is the number of reporters, `proven` that of those who were right before, `reports`
    and `risk` (millionths) those of the window when the reports were `drawn`, each with the probability
    `sampled`; without any nobody could be asked. `suspected`: a brigade was suspected, so all drawn reports
    must be right. `earlier` are the reports of earlier questions, hashed. `answer` is None while it is open.
    `overdue`: it was not answered in time. `withdrawn`: the answer is not needed any more. `would_be`: nobody
    was asked, and the level was reached, because policy or asking run in shadow.
    """

    number: int
    level: int
    level_name: str
    category: Category
    asked: int
    due: int
    crowd: int
    proven: int
    sampled: float = 0.0
    drawn: tuple[DrawnReport, ...] = ()
    earlier: tuple[int, ...] = ()
    answer: ReviewAnswer | None = None
    steps: int = 0
    overdue: bool = False
    withdrawn: bool = False
    would_be: bool = False
    reports: int = 0
    risk: int = 0
    suspected: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a desk was asked and has not answered."""
        return self.answer is None and not (self.withdrawn or self.would_be)

    @property
    def next_due(self) -> int | None:
        """When (ms) it becomes overdue; None if it was answered, or is overdue already."""
        return self.due if self.is_open and not self.overdue else None

    def come_since(self, counts: WindowCounts) -> WindowCounts:
        """Return what has come to the window since these reports were drawn; `counts` are those of now."""
        return WindowCounts(
            reports=max(counts.reports - self.reports, 0),
            risk=max(counts.risk - self.risk, 0),
            distinct_reporters=max(counts.distinct_reporters - self.crowd, 0),
            members=counts.members,
            expected=counts.expected,
        )

    def may_be_asked_again(self, now: int, window_ms: int, others: Callable[[], bool]) -> bool:
        """Return whether others may be asked about: if `others` came who reach a level above review alone.

        So who comes first and is judged wrong, or whose answer was bought, holds nobody back who comes later,
        and each further question costs an attacker what the first one did. After one whole window none of the
        reports from which two were drawn is counted any more. A question that is overdue counts as one with
        the answer no: if its messages are gone, nobody can answer it. `others` is called only where it
        decides.
        """
        if self.withdrawn or self.would_be:
            return True
        return (self.answer == "held" or self.overdue) and (now >= self.asked + window_ms or others())


def question_id(escalation_id: str, number: int) -> str:
    """Return the id of a question of an episode."""
    return stable_id("review-question", escalation_id, str(number))


def asked_by(question: Question, clock: int) -> Question:
    """Return the question, asked at `clock` (ms) if it was asked later, at a time that was wrong."""
    wrong = question.asked - clock
    if wrong <= 0:
        return question
    return msgspec.structs.replace(question, asked=clock, due=question.due - wrong)


def settled(question: Question) -> ReviewAnswer | None:
    """Return what the verdicts about the drawn reports amount to; None if one is still missing.

    One that was upheld lets the count stand, whatever the others are; of a suspected brigade it takes all.
    What was answered once stays answered:
    if an appeal turns the only report that was upheld, the levels that were reached stay, and further ones
    wait for another question.
    """
    verdicts: Sequence[Verdict | None] = [report.verdict for report in question.drawn]
    if "upheld" in verdicts and not (question.suspected and set(verdicts) != {"upheld"}):
        return "stands"
    if question.suspected and "not_upheld" in verdicts:
        return "held"
    return "held" if question.answer is not None or None not in verdicts else None
