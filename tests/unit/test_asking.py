"""A desk is asked before a crowd of strangers raises an escalation above review."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.commands.state.repartition import repartition
from streams.contract.events.internal.time_correction import TimeCorrection
from streams.contract.wire.forms.time_correction import encode_time_correction
from streams.contract.wire.partitioner import home_partition
from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.partition.batch import Batch
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.rules import AskRules
from tests.evaluate.asking import CROWDS, play
from tests.unit.crowd_traffic import outcome, stamped
from tests.unit.saved_state import read_file, write_file
from tests.unit.test_crowd_in_the_stage import rules_with
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    START,
    Record,
    escalations,
    fold,
    levels,
    policy,
    report,
    tick,
)

ASK = AskRules("live", 3, 2, 30 * MINUTE)
HOURLY = policy(
    levels=levels({"distinct_reporters": 3}, {"distinct_reporters": 8}, {"distinct_reporters": 30})
)


class Desk:
    """One partition of the stage of reports, and a desk that answers its questions."""

    def __init__(self, *policies: Any, ask: AskRules | None = ASK, **rules: Any) -> None:
        self.rules = rules_with(*(policies or (HOURLY,)), ask=ask, **rules)
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

    def counted(self) -> dict[tuple[str, str], int]:
        """How often what happened to questions, by policy and step."""
        return dict(sum((Counter(one.questions) for one in self.counters), Counter()))

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


def test_a_finding_reaches_the_level_that_it_reaches_alone_and_none_for_a_crowd_beside_it() -> None:
    def found(number: int) -> Record:
        scan = {"kind": "automated", "ref": f"scan{number}"}
        return stamped(report(number, START + number, message_ref=f"known{number}", reporter=scan))

    desk = Desk()
    desk.apply(found(100))
    desk.reports(1, 8)
    assert desk.levels() == [("opened", 1)]
    assert desk.steps() == [("asked", None)]
    alone = Desk()
    alone.apply(*(found(number) for number in range(1, 9)))
    assert alone.levels() == [("opened", 1), ("updated", 2)]
    # The crowd would be level 3.
    alone.reports(11, 40)
    assert alone.levels() == [("opened", 1), ("updated", 2)]
    assert alone.steps() == [("asked", None)]


def test_none_upheld_is_held_until_as_many_others_come_and_they_are_asked_about() -> None:
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
    assert {each["report_id"] for each in again["reports"]} <= {f"r{number}" for number in range(9, 17)}
    assert again["sampled"] == 0.25
    desk.decide("upheld", again["reports"][0])
    assert desk.levels() == [("opened", 1), ("updated", 2)]


def test_only_those_who_came_since_are_asked_about_again_however_many_came_first() -> None:
    desk = Desk()
    desk.reports(1, 100, message="junk")
    desk.decide("dismissed", "junk", at=START + 20 * MINUTE)
    asked = len(desk.events())
    desk.reports(101, 107, at=START + 21 * MINUTE, message="scam")
    assert len(desk.events()) == asked
    desk.reports(108, 108, at=START + 21 * MINUTE, message="scam")
    *_, question = desk.events()
    assert {each["message_ref"] for each in question["reports"]} == {"scam"}
    desk.decide("upheld", "scam", at=START + 42 * MINUTE)
    assert desk.levels()[-1][0] == "updated"


@pytest.mark.parametrize(
    "decisions", [("upheld", "upheld"), ("upheld", "dismissed"), ("dismissed", "upheld")]
)
def test_a_suspected_brigade_is_asked_about_and_all_drawn_reports_must_be_right(decisions: Any) -> None:
    crowd = policy(levels=levels({"distinct_reporters": 5}, {"distinct_reporters": 12}))
    desk = Desk(crowd, integrity="live")
    fresh = {"kind": "user", "member": False, "account_age": "under_1d"}
    for number in range(1, 13):
        desk.reports(number, number, reporter={**fresh, "ref": f"u{number}"})
    assert desk.levels() == [("opened", 1)]
    [question] = desk.events()
    for decision, each in zip(decisions, question["reports"], strict=True):
        desk.decide(decision, each)
    stands = decisions == ("upheld", "upheld")
    assert desk.levels()[1:] == ([("updated", 2)] if stands else [])
    assert desk.steps()[1:] == [("answered", "stands" if stands else "held")]
    assert [case["kind"] for case in desk.events("integrity-cases")] == ["brigade"]


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


def test_who_was_right_before_passes_without() -> None:
    desk = Desk()
    for number in (1, 2, 3):
        desk.reports(number, number, stamp={"proof": (2 * number, 2 * number + 1)})
    desk.reports(4, 8)
    assert (desk.levels()[-1], desk.events()) == (("updated", 2), [])
    assert "question" not in desk.events("escalations")[-1]
    assert desk.events("escalations")[-1]["counts"]["proven_voices"] == 3


def test_accounts_that_were_right_in_the_same_two_channels_are_one_voice_and_do_not_pass() -> None:
    desk = Desk()
    desk.reports(1, 8, stamp={"proof": (2, 3), "reporter_class": "high"})
    assert desk.levels()[-1] == ("opened", 1)
    assert [event["level"] for event in desk.events()] == [2]


def test_who_was_right_in_this_very_channel_does_not_pass() -> None:
    desk = Desk()
    here = DEMONSTRATION.current.channel_tag("c")
    for number in (1, 2, 3):
        desk.reports(number, number, stamp={"proof": (here, 10 + number)})
    desk.reports(4, 8)
    assert [event["level"] for event in desk.events()] == [2]


def test_what_findings_reach_alone_needs_no_answer_and_lends_nothing_to_the_crowd() -> None:
    finder = {"reporter": {"kind": "trusted_flagger", "ref": "f"}, "kind": "trusted_flagger_notice"}
    by_findings = policy(levels=levels({"reports": 1}, {"reports": 2}, {"reports": 9}))
    desk = Desk(by_findings)
    for number in (1, 2):
        desk.reports(number, number, message=f"m{number}", **finder)
    assert (desk.levels(), desk.events()) == ([("opened", 1), ("updated", 2)], [])
    desk.reports(3, 9)
    assert desk.levels()[-1] == ("updated", 2)
    assert [event["level"] for event in desk.events()] == [3]


def test_a_policy_with_a_floor_category_is_never_held() -> None:
    floor = policy(categories=("csam",), levels=levels({"reports": 1}, {"distinct_reporters": 8}))
    desk = Desk(floor)
    desk.reports(1, 8, category="csam")
    assert (desk.levels()[-1], desk.events()) == (("updated", 2), [])


@pytest.mark.parametrize("mode", ["asking", "policy"])
def test_shadow_holds_nothing_and_says_what_would_have_been_asked(mode: str) -> None:
    shadow = dataclasses.replace(HOURLY, mode="shadow") if mode == "policy" else HOURLY
    desk = Desk(shadow, ask=dataclasses.replace(ASK, mode="shadow" if mode == "asking" else "live"))
    desk.reports(1, 30)
    events = desk.events("escalations-shadow" if mode == "policy" else "escalations")
    assert [event["level"] for event in events] == [1, 2, 3]
    assert [event.get("question") for event in events] == [
        None,
        {"state": "would_be_asked", "level": 2, "id": None},
        {"state": "would_be_asked", "level": 3, "id": None},
    ]
    assert desk.events() == []
    assert desk.counted() == {("spam", "would_be_asked"): 1}


def test_without_the_section_nobody_is_asked() -> None:
    desk = Desk(ask=None)
    desk.reports(1, 8)
    assert desk.levels()[-1] == ("updated", 2)
    assert "question" not in desk.events("escalations")[-1]


def test_a_crowd_that_names_no_message_is_asked_about_reports_of_the_channel() -> None:
    desk = Desk()
    desk.reports(1, 8, message=None)
    (question,) = desk.events()
    assert {each["message_ref"] for each in question["reports"]} == {None}
    desk.decide("upheld", question["reports"][0])
    assert desk.levels() == [("opened", 1), ("updated", 2)]


def test_a_crowd_without_reporters_is_held_because_no_report_can_be_drawn() -> None:
    desk = Desk(policy(levels=levels({"reports": 3}, {"reports": 8})))
    desk.apply(*(report(number, START, reporter={"kind": "anonymous"}) for number in range(8)))
    assert (desk.levels(), desk.events()) == ([("opened", 1)], [])
    assert desk.counted() == {("spam", "no_report"): 1}


def test_an_unanswered_question_is_overdue_and_asked_again_when_as_many_others_have_come() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.reports(9, 15)
    assert ("spam", "overdue") not in desk.counted()
    desk.apply(tick(15, START + 31 * MINUTE + 150_000))
    assert desk.counted()["spam", "overdue"] == 1
    desk.reports(16, 16, at=START + 32 * MINUTE)
    assert desk.steps() == [("asked", None), ("withdrawn", None), ("asked", None)]


def test_a_question_ends_with_its_episode() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.apply(tick(8, START + 4 * HOUR), tick(8, START + 8 * HOUR))
    assert desk.levels() == [("opened", 1), ("resolved", 1)]
    assert desk.steps() == [("asked", None), ("withdrawn", None)]
    # In the cooldown, in which level 1 opens nothing, a crowd that reaches level 2 opens the next one.
    desk.reports(20, 27, at=START + 8 * HOUR + MINUTE)
    assert desk.levels()[2:] == [("opened", 1)]
    assert desk.steps()[2:] == [("asked", None)]


def test_an_appeal_leaves_the_level_and_holds_back_further_ones() -> None:
    desk = Desk()
    desk.reports(1, 8)
    first, second = desk.events()[0]["reports"]
    desk.decide("upheld", first, at=START + 10 * MINUTE)
    desk.decide("dismissed", second, at=START + 11 * MINUTE)
    assert desk.levels()[-1] == ("updated", 2)
    desk.decide("dismissed", first, at=START + 20 * MINUTE, supersedes="o1")
    assert desk.steps()[1:] == [("answered", "stands"), ("answered", "held")]
    desk.reports(9, 30)
    assert desk.levels()[-1] == ("updated", 2)
    # Others came, and were asked about.
    assert desk.steps()[3:] == [("asked", None)]


def test_an_appeal_that_upholds_lets_the_count_stand() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.decide("dismissed", "m1", at=START + 10 * MINUTE)
    desk.decide("upheld", "m1", at=START + 20 * MINUTE, supersedes="o1")
    assert desk.steps()[1:] == [("answered", "held"), ("answered", "stands")]
    assert desk.levels()[-1] == ("updated", 2)


def test_a_message_that_is_gone_answers_nothing() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.decide("dismissed", "m1", reason="not_found")
    assert desk.steps() == [("asked", None)]


def test_a_question_survives_a_takeover_and_may_be_asked_by_an_answer() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.reports(9, 16)
    desk.restart()
    for number, each in enumerate(desk.events()[0]["reports"], 1):
        desk.decide("dismissed", each, at=START + number * MINUTE)
    # More came before the answer.
    assert desk.steps() == [("asked", None), ("answered", "held"), ("asked", None)]
    desk.restart()
    desk.decide("upheld", desk.events()[2]["reports"][0])
    assert desk.levels()[-1] == ("updated", 2)


@pytest.mark.nightly
def test_each_reporter_is_as_likely_to_be_drawn_as_any_other_whatever_they_report() -> None:
    """One reports a message of their own, and one reports all day long."""
    drawn: dict[str, int] = {}
    for channel in range(300):
        desk = Desk()
        name = f"ch{channel}"
        desk.reports(1, 1, message="own", channel=name)
        for more in range(40, 60):
            desk.apply(
                stamped(
                    report(
                        more,
                        START + 20_000,
                        message_ref=f"m{more}",
                        channel=name,
                        reporter={"kind": "user", "ref": "u2"},
                    )
                )
            )
        desk.reports(3, 8, channel=name)
        for each in desk.events()[0]["reports"]:
            drawn[each["report_id"]] = drawn.get(each["report_id"], 0) + 1
    # Each with a chance of 2 in 8, so 75 times of 300, with a standard deviation of 7.5.
    assert set(drawn) == {"r1", "r40", *(f"r{number}" for number in range(3, 9))}
    assert all(45 <= number <= 105 for number in drawn.values()), drawn


def test_reports_of_another_category_or_before_the_window_are_not_drawn() -> None:
    desk = Desk()
    desk.reports(1, 4, message="old", at=START - 3 * HOUR)
    desk.reports(5, 12, message="other", category="hate")
    for number in range(1, 5):
        again = {"kind": "user", "ref": f"u{number}"}
        desk.reports(20 + number, 20 + number, message="m1", at=START + MINUTE, reporter=again)
    desk.reports(25, 28, message="m1", at=START + MINUTE)
    (question,) = desk.events()
    assert {each["message_ref"] for each in question["reports"]} == {"m1"}
    assert {each["category"] for each in question["reports"]} == {"spam"}


def test_a_question_names_no_reporter() -> None:
    desk = Desk()
    desk.reports(1, 8)
    desk.decide("upheld", "m1")
    text = b"".join(row.value for row in desk.outputs if row.topic == "review-questions").decode()
    hashes = [desk.state.reporter_keys.reporter_hash(f"u{number}") for number in range(1, 9)]
    assert not any(f'"u{number}"' in text for number in range(1, 9))
    assert not any(f"{hashed}" in text or f"{hashed:016x}" in text for hashed in hashes)


def test_a_question_moves_with_its_channel(tmp_path: Path) -> None:
    desk = Desk()
    desk.reports(1, 8)
    drawn = desk.events()[0]["reports"][0]["report_id"]
    stage = report_stage(desk.rules)
    old = write_file(tmp_path / "old", {"reports": [desk.stored]})
    repartition(old, tmp_path / "new", {"reports": stage}, 3)
    _, found = read_file(tmp_path / "new")
    home = home_partition(b"c", 3)
    moved = stage.restore(home, 3, found["reports"][home][1].items())
    answer = outcome(1, "upheld", START + HOUR, {"kind": "report", "report_id": drawn})
    batch = stage.apply(moved, [answer._replace(partition=home)])
    assert escalations(batch) == [("updated", 2, "2026-09-04T00:01:20.000Z")]


def test_a_question_that_was_asked_at_a_wrong_time_is_due_in_right_time() -> None:
    desk = Desk()
    wrong = START + 5 * DAY
    desk.reports(1, 8, at=wrong)
    correction = TimeCorrection(wrong, START, "a broker's clock was wrong", "op-1")
    value, headers = encode_time_correction(correction)
    desk.apply(Record(INTERNAL, 0, 9, START, None, value, headers))
    question = desk.state.episodes["c"]["spam", "live"].question
    assert (question.asked, question.due) == (START, START + 30 * MINUTE)
    assert desk.state.next_due() <= question.due


def test_the_version_before_reads_episodes_with_a_question() -> None:
    """It takes the fields that it knows, and would raise the escalation with the next report."""

    class OpenThen(msgspec.Struct, array_like=True, tag=1):
        escalation_id: str
        level: int
        sequence: int
        clear_since: int | None
        first_report_id: str
        cause: Any
        scope: Any
        held: int = 0
        opened: int = 0
        suspected: bool = False

    desk = Desk()
    desk.reports(1, 8)
    (stored,) = [value for key, value in desk.stored.items() if key[:1] == b"C"]
    ((_, _, episode),) = msgspec.msgpack.decode(stored[1:], type=list[tuple[str, str, OpenThen]])
    assert (episode.level, episode.sequence) == (1, 1)


@pytest.mark.parametrize("about", ["report", "message"])
def test_a_drawn_report_that_has_left_the_sample_of_its_message_can_be_answered(about: str) -> None:
    """A message keeps 256 reporters, those with the smallest hashes; the desk looks later than these come."""
    desk = Desk()
    order = sorted(range(1, 400), key=lambda number: desk.state.reporter_keys.reporter_hash(f"u{number}"))
    largest, smallest = order[-8:], order[:-8]

    def said(numbers: list[int], at: int) -> None:
        reports = [
            report(
                place + at // 1000,
                at + place * 1000,
                message_ref="m1",
                reporter={"kind": "user", "ref": f"u{number}"},
            )
            for place, number in enumerate(numbers)
        ]
        desk.apply(*map(stamped, reports))

    said(largest, START)
    (question,) = desk.events()
    said(smallest, START + MINUTE)
    drawn = question["reports"][0]
    desk.decide("upheld", drawn if about == "report" else "m1")
    assert desk.steps() == [("asked", None), ("answered", "stands")]
    assert desk.levels()[-1][0] == "updated"
    # Sent again it changes nothing.
    desk.decided -= 1
    desk.decide("upheld", drawn if about == "report" else "m1")
    assert len(desk.steps()) == 2


def test_the_measured_crowds_are_what_their_names_say() -> None:
    """tests/evaluate/asking.py, whose table is in docs/trust-measured.md."""
    wave, brigade = (play(CROWDS[name], 1) for name in ("a wave of 25", "a brigade of 40"))
    assert (wave.raised, wave.questions, wave.decisions) == (True, 1, 1)
    assert (brigade.raised, brigade.decisions) == (False, 1)
    spoiled = play(CROWDS["a wave of 80, 80 false reports first"], 1)
    assert (spoiled.raised, spoiled.decisions) == (True, 2)
