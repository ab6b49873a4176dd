"""A desk is asked before a crowd of strangers raises an escalation above review."""

import dataclasses
from typing import Any

import msgspec
import pytest

from streams.deciding.partition.batch import Batch
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.rules import AskRules
from tests.unit.crowd_traffic import outcome, stamped
from tests.unit.traffic import (
    DAY,
    HOUR,
    MINUTE,
    SHIPPED,
    START,
    Record,
    compiled,
    escalations,
    fold,
    levels,
    of_topic,
    policy,
    report,
    tick,
)

ASK = AskRules("live", 3, 2, 30 * MINUTE)
HOURLY = policy(
    levels=levels({"distinct_reporters": 3}, {"distinct_reporters": 8}, {"distinct_reporters": 30})
)
EXPECTED_ORDER = ("asked", "answered")


class Desk:
    """One partition of the stage of reports, and a desk that answers its questions."""

    def __init__(self, *policies: Any, ask: AskRules | None = ASK, **rules: Any) -> None:
        registry = dataclasses.replace(SHIPPED, policies=policies or (HOURLY,), ask=ask, **rules)
        self.rules: ReportRules = dataclasses.replace(compiled(*registry.policies), registry=registry)
        self.state = ReportState(0, 1, self.rules)
        self.stored: dict[bytes, bytes] = {}
        self.outputs: list[Any] = []
        self.counters: list[Any] = []
        self.decided = 0

    def apply(self, *records: Record) -> Batch:
        batch = report_stage(self.rules).apply(self.state, records)
        fold(self.stored, batch.changes)
        self.outputs += batch.outputs
        self.counters.append(batch.counters)
        return batch

    def restart(self) -> None:
        self.state = restore_reports(0, 1, self.rules, self.stored.items())

    def reports(
        self, first: int, last: int, at: int = START, message: str | None = "m1", **more: Any
    ) -> Batch:
        """One report by each of the reporters `first` to `last`, ten seconds apart."""
        stamp = more.pop("stamp", {})
        return self.apply(
            *(
                stamped(report(number, at + number * 10_000, message_ref=message, **more), **stamp)
                for number in range(first, last + 1)
            )
        )

    def decide(self, decision: str, about: Any, at: int = START + HOUR // 2, **more: Any) -> Batch:
        """An outcome about a message, or a report of a question."""
        self.decided += 1
        subject = (
            {"kind": "message", "message_ref": about}
            if isinstance(about, str)
            else {"kind": "report", "report_id": about["report_id"], "ce_source": about["ce_source"]}
        )
        return self.apply(outcome(self.decided, decision, at, subject, **more))

    def events(self, topic: str = "review-questions") -> list[dict[str, Any]]:
        return [msgspec.json.decode(row.value) for row in self.outputs if row.topic == topic]

    def levels(self) -> list[tuple[str, int]]:
        return [(event["type"], event["level"]) for event in self.events("escalations")]

    def steps(self) -> list[tuple[str, str | None]]:
        return [(event["type"], event["answer"]) for event in self.events()]


def test_a_crowd_of_strangers_stays_at_review_until_one_of_two_reports_is_upheld() -> None:
    desk = Desk()
    desk.reports(1, 8)
    assert desk.levels() == [("opened", 1)]
    (question,) = desk.events()
    assert (question["type"], question["level"], question["level_name"]) == ("asked", 2, "level_2")
    assert question["escalation_id"] == desk.events("escalations")[0]["escalation_id"]
    assert len({each["report_id"] for each in question["reports"]}) == 2
    assert {each["message_ref"] for each in question["reports"]} == {"m1"}
    assert question["sampled"] == 0.25
    desk.reports(9, 12)
    assert desk.levels() == [("opened", 1)]
    desk.decide("upheld", question["reports"][1])
    assert desk.levels() == [("opened", 1), ("updated", 2)]
    assert desk.steps() == [("asked", None), ("answered", "stands")]
    raised = desk.events("escalations")[1]
    assert raised["question"] == {"state": "stands", "level": 2, "id": question["question_id"]}
    assert raised["trace"]["partition_offsets"] == {"moderation-outcomes/0": 1}
    assert raised["counts"]["distinct_reporters"] == 12
    desk.reports(13, 30)
    assert desk.levels()[-1] == ("updated", 3)


def test_none_upheld_is_held_until_the_crowd_has_doubled_and_others_are_asked_about() -> None:
    desk = Desk()
    desk.reports(1, 8)
    first, second = desk.events()[0]["reports"]
    desk.decide("dismissed", first)
    assert desk.steps() == [("asked", None)]
    desk.decide("manifestly_unfounded", second)
    assert desk.steps() == [("asked", None), ("answered", "held")]
    desk.reports(9, 15)
    assert len(desk.steps()) == 2
    desk.reports(16, 16)
    assert desk.steps()[2:] == [("asked", None)]
    again = desk.events()[2]
    assert again["question_id"] != desk.events()[0]["question_id"]
    drawn = {each["report_id"] for event in (desk.events()[0], again) for each in event["reports"]}
    assert len(drawn) == 4
    desk.decide("upheld", again["reports"][0])
    assert desk.levels() == [("opened", 1), ("updated", 2)]


def test_a_decision_about_the_message_answers_it() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.decide("upheld", "m1")
    assert desk.steps() == [("asked", None), ("answered", "stands")]
    assert desk.events()[1]["outcome_ids"] == ["o1"]


@pytest.mark.parametrize(("decision", "reached"), [("upheld", 2), ("dismissed", 1)])
def test_what_was_decided_before_is_the_answer(decision: str, reached: int) -> None:
    desk = Desk()
    desk.reports(1, 7)
    desk.decide(decision, "m1")
    desk.reports(8, 8)
    assert desk.levels()[-1][1] == reached
    assert desk.steps() == [("answered", "stands" if decision == "upheld" else "held")]
