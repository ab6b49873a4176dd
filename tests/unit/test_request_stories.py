"""The stories of tests/stories/requests.yaml, through the code that decides: judge, clocks, outcomes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from streams.contract.wire.times import MINUTE, epoch_ms
from streams.deciding.requests.rules import RequestRules, compile_request_rules
from tests.marked import trusting
from tests.request_stories import STORIES, Story, Verdict
from tests.request_strategies import SHIPPED
from tests.unit.request_traffic import (
    new_requests,
    outcome_record,
    request_record,
    routings,
    run_requests,
    tick_record,
)

TELL, VALIDATE = "incomplete_order", "unvalidated_emergency_order"

by_story = pytest.mark.parametrize("story", [pytest.param(story, id=story.id) for story in STORIES])


SHIPPED_RULES, TRUSTING_RULES = compile_request_rules(SHIPPED), compile_request_rules(trusting(SHIPPED))


def rules_of(story: Story) -> RequestRules:
    return TRUSTING_RULES if story.secondary_rows_arm else SHIPPED_RULES


def judged(story: Story) -> dict[str, Any]:
    rules = rules_of(story)
    (event,) = routings(run_requests(new_requests(rules=rules), [request_record(story.request)], rules))
    return event


def verdict_of(event: dict[str, Any]) -> Verdict:
    competence = event["findings"]["competence"]
    if event["decision"] == "refused":
        return "refused"
    if competence.get("contested"):
        return "reach_contested"
    if not competence["competent"]:
        return "not_competent"
    return "incomplete" if event["decision"] == "incomplete" else "valid"


def duties_of(event: dict[str, Any], *triggers: str) -> dict[str, dict[str, Any]]:
    """The duties of the event by id: those with one of the triggers, or all that have neither of the two."""
    return {
        duty["id"]: duty
        for duty in event["findings"]["obligations"]
        if (duty["trigger"] in triggers if triggers else duty["trigger"] not in (TELL, VALIDATE))
    }


def clock_ends(event: dict[str, Any], duties: Iterable[str]) -> list[str]:
    return [clock["due_at"] for clock in event["clocks"] if clock["obligation"] in duties]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@by_story
def test_the_verdict_and_the_gates(story: Story) -> None:
    event, expected = judged(story), story.expected
    findings = event["findings"]
    assert verdict_of(event) == expected.verdict
    if expected.verdict != "refused":
        # What else is missing from what is never done does not matter.
        assert tuple(findings["missing"]) == expected.missing
    assert tuple(findings.get("questions", ())) == expected.ask_lawyer
    assert {refusal["code"] for refusal in findings["refusals"]} == set(expected.refused_for)
    assert {place["jurisdiction"] for place in findings["belongs_to"]} == set(expected.belongs_to)
    assert set(findings["gates"]) == set(expected.gates)
    assert event["gate"] == expected.gates[-1]
    assert findings["disclosure"] == expected.disclosure


@by_story
def test_the_clocks_and_their_pauses(story: Story) -> None:
    event, expected = judged(story), story.expected
    asked_for = duties_of(event)
    clocks = {clock["obligation"]: clock for clock in event["clocks"] if clock["obligation"] in asked_for}
    assert {
        duty: moment(clock["due_at"]) for duty, clock in clocks.items() if clock["status"] == "running"
    } == expected.running
    assert {
        duty: clock.get("pause_reason") for duty, clock in clocks.items() if clock["status"] == "paused"
    } == expected.paused
    assert {
        duty["id"]: moment(duty["target_at"]) for duty in asked_for.values() if duty.get("advisory")
    } == expected.advisory
    never_before = event.get("not_before")
    assert (None if never_before is None else moment(never_before)) == expected.never_before


@by_story
def test_who_is_told_and_when_the_validation_is_due(story: Story) -> None:
    event, expected = judged(story), story.expected
    telling = [duty for duty in duties_of(event, TELL).values() if duty["action"] == "notify_authority"]
    if expected.tell is None:
        assert not telling
    else:
        assert [duty["standard"] for duty in telling] == [expected.tell.standard]
        told = event["findings"]["telling"]
        assert (told["obligation"], tuple(told["missing"])) == (telling[0]["id"], expected.missing)
        assert set(told["paused"]) == set(expected.paused)
        # Soon, and never later than the time that stands still would have ended.
        assert event["at"] < told["by"] <= min(clock_ends(event, expected.paused))
        assert any(told["by"] in routing["reason"] for routing in event["recipients"])
    answers = [duty["due_at"] for duty in duties_of(event, TELL).values() if duty not in telling]
    assert list(map(moment, answers)) == ([] if expected.answer_by is None else [expected.answer_by])
    validation = duties_of(event, VALIDATE)
    due = [moment(duty["due_at"]) for duty in validation.values()]
    assert due == ([] if expected.validation_by is None else [expected.validation_by])


@by_story
def test_the_words_that_the_desk_reads(story: Story) -> None:
    event = judged(story)
    told = " ".join(routing["reason"] for routing in event["recipients"])
    assert [words for words in story.expected.words if words not in told] == []


@pytest.mark.parametrize("story", [pytest.param(story, id=story.id) for story in STORIES if story.later])
def test_what_happens_later(story: Story) -> None:
    rules = rules_of(story)
    state = new_requests(rules=rules)
    (event,) = routings(run_requests(state, [request_record(story.request)], rules))
    clocks = {clock["obligation"]: clock for clock in event["clocks"]}
    last = {duty: (clock["status"], clock["due_at"]) for duty, clock in clocks.items()}
    for number, later in enumerate(story.later):
        outcome = outcome_record(
            clocks[later.duty]["clock_id"],
            later.outcome,
            epoch_ms(later.at),
            outcome_id=f"o-{number}",
            key=story.request["request_id"],
        )
        done = run_requests(state, [outcome, tick_record(1, epoch_ms(later.at) + MINUTE)], rules)
        for step in routings(done):
            for clock in step["clocks"]:
                last[clock["obligation"]] = (clock["status"], clock["due_at"])
    for duty, then in story.then.items():
        status, due = last[duty]
        assert status == then.status
        assert then.due is None or moment(due) == then.due


def test_the_table_has_what_a_lawyer_needs() -> None:
    assert len(STORIES) >= 20
    for kept in ("id", "title", "story"):
        assert len({getattr(story, kept) for story in STORIES}) == len(STORIES)
    for story in STORIES:
        assert story.request["request_id"].startswith("story-")
        # A quote was read somewhere; from memory there is none.
        assert all((norm.quote is None) or norm.read != "memory" for norm in story.norms)
        assert all((norm.quote is None) != (norm.note is None) for norm in story.norms)
    verdicts = {story.expected.verdict for story in STORIES}
    assert verdicts == {"valid", "incomplete", "refused", "not_competent", "reach_contested"}
