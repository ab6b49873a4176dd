"""What a desk is asked before a crowd of strangers raises an escalation above review.

The payload of `tocsin.review-question.v1`.
"""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.report import Category, Probability

REVIEW_QUESTION_TYPE = "tocsin.review-question.v1"

# withdrawn: the answer is no longer needed, because the episode ended or the level was reached without it.
ReviewQuestionStep = Literal["asked", "answered", "withdrawn"]
# stands: one of the reports was upheld, so the count decides about the level. held: none was.
ReviewAnswer = Literal["stands", "held"]


class ReportToJudge(msgspec.Struct, frozen=True, gc=False):
    """A report that was drawn. `message_ref` is null if it names no message."""

    report_id: str
    ce_source: str
    message_ref: str | None
    category: Category


class ReviewQuestion(msgspec.Struct, frozen=True, gc=False):
    """One step of a question about an escalation: the same `question_id` in all of its steps.

    `level` and `level_name` are what waits for the answer. `category` is that of the report with which the
    counts reached it. `reports` were drawn at random, each with the probability `sampled`. It is answered by
    moderation outcomes about them or about their messages; `outcome_ids` are those that did, and `answer` is
    null in other steps. `due_at` is when the answer should be there.
    """

    question_id: str
    type: ReviewQuestionStep
    at: str
    due_at: str
    escalation_id: str
    policy: str
    level: Annotated[int, msgspec.Meta(ge=2)]
    level_name: str
    channel_ref: str
    category: Category
    reports: Annotated[tuple[ReportToJudge, ...], msgspec.Meta(min_length=1)]
    sampled: Probability
    sentence: str
    answer: ReviewAnswer | None
    outcome_ids: tuple[str, ...] = ()
    human_review_required: Literal[True] = True
