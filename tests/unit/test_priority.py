"""The priority of an escalation: what it is made of, and that it is in every event."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.escalation import Escalation
from streams.counting.measures import MILLION
from streams.deciding.reports.escalation.priority import priority
from streams.deciding.reports.state import ReportState
from streams.desk.text.story import story
from tests.unit.clock_traffic import clock_of, clock_outcome, clock_rules, duty
from tests.unit.test_crowd_in_the_stage import RULES, brigade
from tests.unit.traffic import (
    DAY,
    HOUR,
    START,
    compiled,
    levels,
    of_topic,
    policy,
    rekeyed,
    report,
    run,
    tick,
)

times = st.none() | st.integers(START - DAY, START + 30 * DAY)
amounts = st.integers(0, 10_000 * MILLION)


@given(times, st.integers(1, 9), amounts, amounts, st.integers(0, START))
def test_the_components_add_up_to_at_most_100(due, level, risk, voices, opened):
    found = priority(START, due, level, risk, voices, opened)
    parts = msgspec.structs.astuple(found.components)
    assert found.value == sum(parts)
    assert all(0 <= part <= most for part, most in zip(parts, (35, 25, 15, 15, 10), strict=True))
    # It never falls when anything becomes more urgent.
    for more in (
        priority(START + HOUR, due, level, risk, voices, opened),
        priority(START, START, level, risk, voices, opened),
        priority(START, due, level + 1, risk, voices, opened),
        priority(START, due, level, risk + MILLION, voices, opened),
        priority(START, due, level, risk, voices + MILLION, opened),
    ):
        assert more.value >= found.value


@pytest.mark.parametrize(
    ("left", "points"),
    [(-HOUR, 35), (HOUR, 35), (HOUR + 1, 30), (DAY, 24), (2 * DAY, 16), (7 * DAY, 8), (8 * DAY, 4)],
)
def test_a_clock_weighs_by_the_time_that_is_left(left, points):
    assert priority(START, START + left, 1, 0, 0, START).components.clock == points


def test_every_event_of_an_episode_has_a_priority_and_a_resolved_one_has_none():
    rules = compiled(policy(levels=levels({"reports": 2}, {"reports": 4})))
    state = ReportState(0, 1, rules)
    events = of_topic(run(state, rules, [report(n, START + n * HOUR // 4) for n in range(4)]), "escalations")
    opened, raised = [event["priority"] for event in events]
    assert opened["components"]["level"] == 9
    assert opened["components"]["voices"] == 15 * 2 // 12
    assert (opened["components"]["clock"], opened["components"]["age"]) == (0, 0)
    assert raised["components"]["level"] == 17
    assert raised["value"] > opened["value"]
    [resolved] = of_topic(run(state, rules, [tick(4, START + 9 * HOUR)]), "escalations")
    assert resolved["priority"]["value"] == 0


def test_a_clock_becomes_more_urgent_until_its_outcome():
    rules = clock_rules(duty(duration="PT48H"))
    state = ReportState(0, 1, rules)
    events = of_topic(run(state, rules, [report(1, START)]), "escalations")
    events += of_topic(run(state, rules, [tick(1, START + 49 * HOUR)]), "escalations")
    found = [event["priority"]["components"] for event in events]
    assert [each["clock"] for each in found] == [16, 24, 30, 35]
    assert [each["age"] for each in found] == [0, 10, 10, 10]
    done = run(state, rules, [clock_outcome(1, "fulfilled", clock_of(1), START + 50 * HOUR)])
    assert of_topic(done, "escalations")[0]["priority"]["value"] == 0


def test_explain_shows_voices_trust_signs_and_priority_in_words():
    batch = run(ReportState(0, 1, RULES), RULES, brigade(12))
    values = [output.value or b"" for output in batch.outputs if output.topic == "escalations"]
    text = story([msgspec.json.decode(value, type=Escalation) for value in values])
    assert "voices      1.0 of 8 reporters; 8 of them report together" in text
    assert "trust       0 with medium or high trust" in text
    assert (
        "no brigade suspected, 8 reporters look coordinated, score 0.88: some reported the same messages "
        "before" in text
    )
    assert "8 of 8 reporters had before reported the same messages as another of them" in text
    assert "priority    " in text


def test_explain_says_nothing_of_voices_of_reports_without_a_stamp():
    """As workers of 0.2 without the stage of reporters re-keyed them."""
    rules = compiled(policy())
    records = [rekeyed(report(number, START)) for number in range(3)]
    batch = run(ReportState(0, 1, rules), rules, records)
    values = [output.value or b"" for output in batch.outputs if output.topic == "escalations"]
    text = story([msgspec.json.decode(value, type=Escalation) for value in values])
    assert "voices " not in text.replace("voices 3", "")
    assert "coordinated" not in text
