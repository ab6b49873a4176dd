"""What a desk is asked about a crowd, as it is kept with the episode, and what follows from the answers."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from streams.contract.events.report import Category
from streams.contract.events.review_question import ReviewAnswer
from streams.contract.wire.ids import stable_id
from streams.counting.attribution import ReportIdentity

# What a desk found about a drawn report.
Verdict = Literal["upheld", "not_upheld"]

# Two others are asked about when the crowd is so many times as large as it was when the last two were drawn.
# So there are at most as many questions in a window as the crowd doubles, however long the episode, and half
# of the crowd has come since: a few who come first and are judged wrong, or whose answer was bought, hold
# back a wave of as many only until then. With 1.5 an attacker costs a desk nearly twice as many answers, and
# with 4 twenty of them would hold back a wave of sixty.
ASKED_AGAIN_AT: Final = 2


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
    the answer. `crowd` is the number of reporters, `proven` that of those who were right before, when the
    reports were `drawn`, each with the probability `sampled`; without any nobody could be asked. `earlier`
    are the reports of earlier questions, hashed. `answer` is None while it is open. `overdue`: it was not
    answered in time. `withdrawn`: the answer is not needed any more. `would_be`: nobody was asked, and the
    level was reached, because policy or asking run in shadow.
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

    @property
    def is_open(self) -> bool:
        """Whether a desk was asked and has not answered."""
        return self.answer is None and not (self.withdrawn or self.would_be)

    @property
    def next_due(self) -> int | None:
        """When (ms) it becomes overdue; None if it was answered, or is overdue already."""
        return self.due if self.is_open and not self.overdue else None

    def may_be_asked_again(self, crowd: int, now: int, window_ms: int) -> bool:
        """Return whether others may be asked about: the crowd has doubled, or is another one.

        After one whole window none of the reports from which two were drawn is counted any more. A question
        that is overdue counts as one with the answer no: if its messages are gone, nobody can answer it.
        """
        if self.withdrawn or self.would_be:
            return True
        return (self.answer == "held" or self.overdue) and (
            crowd >= ASKED_AGAIN_AT * max(self.crowd, 1) or now >= self.asked + window_ms
        )


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

    One that was upheld lets the count stand, whatever the others are. What was answered once stays answered:
    if an appeal turns the only report that was upheld, the levels that were reached stay, and further ones
    wait for another question.
    """
    verdicts: Sequence[Verdict | None] = [report.verdict for report in question.drawn]
    if "upheld" in verdicts:
        return "stands"
    return "held" if question.answer is not None or None not in verdicts else None
