"""Questions to desks: the newest step of each, and lists of them, the one due first at the top."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from streams.contract.events.report import Category
from streams.contract.events.review_question import ReviewQuestion
from streams.contract.wire.records import SourceRecord
from streams.contract.wire.times import moment_ms
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.paging import ListFilter, page_of
from streams.desk.console.read_model.statements import SQL

QuestionState = Literal["open", "answered", "withdrawn"]

_QUESTION = msgspec.json.Decoder(ReviewQuestion)


def apply_review_question(writer: sqlite3.Connection, record: SourceRecord, changes: Changes) -> None:
    """Keep the newest step of a question. Raises msgspec.DecodeError if the record holds something else."""
    step = _QUESTION.decode(record.value or b"")
    changes.require_known(step.category, note=True)
    state: QuestionState = "open" if step.type == "asked" else step.type
    writer.execute(
        SQL["put_review_question"],
        (
            step.question_id,
            step.escalation_id,
            step.category,
            state,
            moment_ms(step.due_at),
            moment_ms(step.at),
            record.value,
        ),
    )
    changes.escalations.add(step.escalation_id)


@dataclass(frozen=True)
class QuestionFilter(ListFilter):
    """Which questions a view shows: usually those that wait for an answer."""

    state: QuestionState = "open"


class QuestionPage(NamedTuple):
    """Questions in order, and where the next page begins; None if there are no more."""

    questions: Sequence[ReviewQuestion]
    after: str | None


def questions_page(
    reader: sqlite3.Connection,
    shown: QuestionFilter,
    categories: frozenset[Category],
    after: str | None = None,
) -> QuestionPage:
    """A page of the questions that a person may see.

    Raises BadFilter if `after` is not what an earlier page said.
    """
    page = page_of(reader, "review_questions", shown, ("due_ms", "question_id"), after, categories)
    return QuestionPage([_QUESTION.decode(row["event"]) for row in page.rows], page.after)


def questions_of(reader: sqlite3.Connection, escalation_id: str) -> Sequence[ReviewQuestion]:
    """The questions about one escalation, the first one first."""
    rows = reader.execute(SQL["questions_of"], (escalation_id,)).fetchall()
    return [_QUESTION.decode(event) for (event,) in rows]
