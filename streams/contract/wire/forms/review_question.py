"""Encodes what desks are asked: records of `review-questions`."""

from streams.contract.events.review_question import REVIEW_QUESTION_TYPE, ReviewQuestion
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.ids import step_id
from streams.contract.wire.records import Headers, OutputRecord
from streams.contract.wire.topics import REVIEW_QUESTIONS


def encode_review_question(
    question: ReviewQuestion, sequence: int, time_ms: int, more: Headers = ()
) -> OutputRecord:
    """The record of a step of a question, the one with this number among its steps.

    `time_ms` is that of `at` (ms since the epoch); `more` are further headers.
    """
    event_id = step_id(question.question_id, sequence)
    headers = [*event_headers(REVIEW_QUESTION_TYPE, event_id, time_ms), *more]
    return OutputRecord(REVIEW_QUESTIONS, None, question.channel_ref.encode(), encode(question), headers)
