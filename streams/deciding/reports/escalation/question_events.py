"""Publishing the steps of a question: to desks in `review-questions`, and as part of escalations."""

from collections.abc import Mapping
from typing import Final

import msgspec

from streams.contract.events.escalation import QuestionState
from streams.contract.events.review_question import (
    ReportToJudge,
    ReviewAnswer,
    ReviewQuestion,
    ReviewQuestionStep,
)
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.review_question import encode_review_question
from streams.contract.wire.origin import ORIGIN_HEADER, Origin, written_origin
from streams.contract.wire.records import Headers
from streams.counting.coordination.channel_itself import named_message
from streams.deciding.partition.legal_clocks import OutcomeTrace
from streams.deciding.partition.replay import outcome_headers
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.counters import QuestionStep
from streams.deciding.reports.escalation.episodes import EpisodeKey, Open
from streams.deciding.reports.escalation.question import Question, question_id

_ANSWERS: Final[Mapping[ReviewAnswer, str]] = {
    "stands": "The answer is yes, so the count decides.",
    "held": "The answer is no, so it stays below that level until others come who reach it.",
}


def question_state(episode: Open) -> QuestionState | msgspec.UnsetType:
    """Return what an escalation's event says about the question of its episode."""
    question = episode.question
    if question is None or question.withdrawn:
        return msgspec.UNSET
    if question.would_be:
        return QuestionState("would_be_asked", question.level, None)
    asked_id = question_id(episode.escalation_id, question.number) if question.drawn else None
    return QuestionState(question.answer or "asked", question.level, asked_id)


def publish_question(
    batch: ReportBatch,
    key: EpisodeKey,
    episode: Open,
    step: ReviewQuestionStep,
    at: int,
    cause: Origin | OutcomeTrace | None = None,
) -> Question:
    """Publish a step of the episode's question at `at` (ms); return the question, which counts its steps.

    `cause` is the place of the report that led to it, or the trace of the outcome; None if time did. It goes
    into the headers: nothing else says before which outcomes a report was applied.
    """
    question = episode.question
    assert question is not None
    assert question.drawn
    headers: Headers = ()
    if isinstance(cause, OutcomeTrace):
        origin = (ORIGIN_HEADER, written_origin(cause.origin))
        headers = [origin, *outcome_headers(cause.applied, cause.ticks)]
    elif cause is not None:
        headers = [(ORIGIN_HEADER, written_origin(cause))]
    sequence = question.steps + 1
    event = ReviewQuestion(
        question_id=question_id(episode.escalation_id, question.number),
        type=step,
        at=rfc3339(at),
        due_at=rfc3339(question.due),
        escalation_id=episode.escalation_id,
        policy=key.policy,
        level=question.level,
        level_name=question.level_name,
        channel_ref=key.channel,
        category=question.category,
        reports=tuple(
            ReportToJudge(drawn.report_id, drawn.ce_source, named_message(drawn.message), drawn.category)
            for drawn in question.drawn
        ),
        sampled=question.sampled,
        sentence=_sentence(question, step),
        answer=question.answer if step == "answered" else None,
        outcome_ids=_outcome_ids(question) if step == "answered" else (),
    )
    batch.outputs.append(encode_review_question(event, sequence, at, headers))
    counted = step if step != "answered" else question.answer
    assert counted is not None
    batch.counters.questions[QuestionStep(key.policy, counted)] += 1
    return msgspec.structs.replace(question, steps=sequence)


def _outcome_ids(question: Question) -> tuple[str, ...]:
    return tuple(dict.fromkeys(drawn.outcome_id for drawn in question.drawn if drawn.outcome_id))


def withdraw_question(batch: ReportBatch, key: EpisodeKey, episode: Open, at: int) -> None:
    """Note at `at` (ms) that no answer to the episode's question is needed any more; say so if it is open."""
    question = episode.question
    if question is None or question.answer == "stands" or question.would_be:
        return
    if question.is_open:
        question = publish_question(batch, key, episode, "withdrawn", at)
    episode.question = msgspec.structs.replace(question, withdrawn=True)


def _sentence(question: Question, step: ReviewQuestionStep) -> str:
    """Return in words why a desk is asked, or what became of it."""
    number = len(question.drawn)
    reports = "one report, drawn" if number == 1 else f"{number} reports, drawn"
    asked = (
        f"{question.crowd} people reported this channel, and {question.proven or 'none'} of them "
        f"{'was' if question.proven < 2 else 'were'} right before; level {question.level} "
        f"({question.level_name}) waits for a decision about {reports} at random."
    )
    if question.suspected and number > 1:
        asked += " A brigade is suspected, so all of them must be right."
    if step == "withdrawn":
        return f"{asked} The decision is not needed any more."
    if step == "asked" or question.answer is None:
        return asked
    return f"{asked} {_ANSWERS[question.answer]}"
