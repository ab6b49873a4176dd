"""The priority of an escalation: what it is made of, and that it is in every event."""

import dataclasses

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


shares = st.integers(0, 1_000)
severities = st.integers(0, MILLION)


@given(
    times, st.integers(1, 9), amounts, amounts, st.integers(0, START), shares, severities, st.integers(0, 25)
)
def test_the_components_add_up_to_at_most_100(due, level, risk, voices, opened, share, severity, points):
    def of(at=START, due=due, level=level, risk=risk, voices=voices, severity=severity):
        return priority(at, due, level, risk, voices, opened, share, severity, points)

    found = of()
    parts = [each for each in msgspec.structs.astuple(found.components) if each is not msgspec.UNSET]
    assert found.value == sum(parts)
    assert len(parts) == (6 if points else 5)
    others = [most * (100 - points) // 100 for most in (35, 25, 15, 15, 10)]
    assert all(0 <= part <= most for part, most in zip(parts, [*others, points], strict=False))
    # It never falls when anything becomes more urgent.
    for more in (
        of(at=START + HOUR),
        of(due=START),
        of(level=level + 1),
        of(risk=risk + MILLION),
        of(voices=voices + MILLION),
        of(severity=MILLION),
    ):
        assert more.value >= found.value
    # The gravest category does not weigh more than a clock that is about to end.
    assert of(due=START).components.clock >= points


def before_severity(at, due, level, risk, voices, opened, reporters):
    """The formula of files of policies that give severity no points, as it was written when there was no other."""
    share = min(max(reporters, 0), 1_000)
    table = ((HOUR, 35), (6 * HOUR, 30), (DAY, 24), (3 * DAY, 16), (7 * DAY, 8))
    clock = 0 if due is None else next((points for left, points in table if due - at <= left), 4)
    parts = (
        clock,
        (0, 9, 17, 25)[min(level, 3)] * share // 1_000,
        15 * risk // (risk + MILLION),
        15 * voices // (voices + 10 * MILLION),
        min(10 * max(at - opened, 0) // DAY, 10) * share // 1_000 if opened else 0,
    )
    return sum(parts), parts


@given(times, st.integers(1, 9), amounts, amounts, st.integers(0, START), shares, severities)
def test_without_points_for_severity_it_is_what_it_was_to_the_byte(
    due, level, risk, voices, opened, share, severity
):
    found = priority(START, due, level, risk, voices, opened, share, severity)
    value, parts = before_severity(START, due, level, risk, voices, opened, share)
    names = ("clock", "level", "risk", "voices", "age")
    expected = {"value": value, "components": dict(zip(names, parts, strict=True))}
    assert msgspec.json.encode(found) == msgspec.json.encode(expected)


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
    # The shipped rules give severity 25 of 100 points, and the others share 75.
    assert opened["components"]["level"] == 9 * 75 // 100
    assert opened["components"]["voices"] == 15 * 75 * 2 // (100 * 12)
    assert (opened["components"]["clock"], opened["components"]["age"]) == (0, 0)
    assert raised["components"]["level"] == 17 * 75 // 100
    assert raised["value"] > opened["value"]
    [resolved] = of_topic(run(state, rules, [tick(4, START + 9 * HOUR)]), "escalations")
    assert resolved["priority"]["value"] == 0


def test_a_clock_becomes_more_urgent_until_its_outcome():
    rules = clock_rules(duty(duration="PT48H"))
    state = ReportState(0, 1, rules)
    events = of_topic(run(state, rules, [report(1, START)]), "escalations")
    events += of_topic(run(state, rules, [tick(1, START + 49 * HOUR)]), "escalations")
    found = [event["priority"]["components"] for event in events]
    assert [each["clock"] for each in found] == [12, 18, 22, 26]
    assert [each["age"] for each in found] == [0, 7, 7, 7]
    done = run(state, rules, [clock_outcome(1, "fulfilled", clock_of(1), START + 50 * HOUR)])
    assert of_topic(done, "escalations")[0]["priority"]["value"] == 0


@pytest.mark.parametrize("points", [0, 20])
def test_the_gravest_category_of_the_window_gives_its_points_if_the_rules_have_some(points):
    both = policy(categories=["fraud", "spam"], levels=levels({"reports": 1}, {"reports": 3}))
    rules = compiled(both)
    registry = dataclasses.replace(rules.registry, severity_points=points)
    rules = dataclasses.replace(rules, registry=registry)
    state = ReportState(0, 1, rules)
    records = [
        report(number, START + number, category=each) for number, each in enumerate(("fraud", "spam", "spam"))
    ]
    events = of_topic(run(state, rules, records), "escalations")
    assert [event["category"] for event in events] == ["fraud", "spam"]
    severity = rules.registry.categories["fraud"].severity
    assert severity > rules.registry.categories["spam"].severity
    expected = {"severity": int(points * severity)} if points else {}
    for event in events:
        components = event["priority"]["components"]
        assert {name: components[name] for name in components if name == "severity"} == expected
        assert event["priority"]["value"] == sum(components.values())
    assert ("severity" in story([msgspec.convert(each, Escalation) for each in events])) == bool(points)


def test_a_clock_has_the_severity_of_the_category_of_its_report():
    rules = clock_rules(duty(duration="PT48H"))
    rules = dataclasses.replace(rules, registry=dataclasses.replace(rules.registry, severity_points=25))
    events = of_topic(
        run(ReportState(0, 1, rules), rules, [report(1, START), tick(1, START + 49 * HOUR)]), "escalations"
    )
    severity = rules.registry.categories[events[0]["category"]].severity
    assert len(events) == 4
    assert {event["priority"]["components"]["severity"] for event in events} == {int(25 * severity)}


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
    assert "voices " not in text.replace("voices 2", "")
    assert "coordinated" not in text
