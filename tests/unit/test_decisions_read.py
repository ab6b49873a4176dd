"""The first report after decisions of people says how far they had been read."""

from streams.deciding.partition.time import EventTime
from streams.deciding.reports.decisions_read import MOST_RUNS, DecisionRun, DecisionsRead
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import restore_reports
from tests.replay_order import read_runs
from tests.unit.crowd_traffic import outcome, reported
from tests.unit.traffic import INTERNAL, MINUTE, START, compiled, fold, policy, run

RULES = compiled(policy())


def said(batch):
    """The header of each enriched report."""
    return [
        dict(output.headers).get("tocsin-decisions")
        for output in batch.outputs
        if output.topic == "enriched-reports"
    ]


def test_only_the_first_report_after_a_decision_says_it_also_when_the_state_was_restored():
    state, stored = report_stage(RULES).restore(0, 1), {}
    found = []
    for record in (
        *reported(1),
        outcome(7, "dismissed", START + 5 * MINUTE),
        outcome(8, "dismissed", START + 6 * MINUTE, message="m2"),
        *reported(9, 10),
        # Refused, because nobody knows the report: with a report before it, it would not be.
        outcome(
            11, "upheld", START, {"kind": "report", "ce_source": "/platform/web", "report_id": "unknown"}
        ),
        *reported(12),
    ):
        batch = run(state, RULES, [record])
        found += said(batch)
        fold(stored, batch.changes)
        state = restore_reports(0, 1, RULES, stored.items())
    assert found == [None, b"o9", None, b"o12"]


def test_decisions_that_were_passed_on_have_the_offsets_of_that_topic():
    state = report_stage(RULES).restore(0, 1)
    [passed_on] = run(report_stage(RULES).restore(1, 2), RULES, [outcome(3, "upheld", START)]).outputs
    arrived = outcome(3, "upheld", START)._replace(
        topic=INTERNAL, offset=41, key=passed_on.key, value=passed_on.value, headers=passed_on.headers
    )
    records = [*reported(1), outcome(4, "upheld", START), arrived, outcome(5, "upheld", START), *reported(2)]
    assert said(run(state, RULES, records)) == [None, b"o5 i42 o6"]
    assert read_runs(b"o5 i42@2") == [DecisionRun("o", 5, 0), DecisionRun("i", 42, 2)]


def test_only_the_order_of_the_earliest_decisions_is_forgotten():
    decisions, time = DecisionsRead(), EventTime()
    for number in range(MOST_RUNS + 10):
        decisions.note(
            outcome(number, "upheld", START)._replace(topic=("moderation-outcomes", INTERNAL)[number % 2]),
            time,
        )
    assert len(decisions.runs) == MOST_RUNS
    assert decisions.runs[-1].end == MOST_RUNS + 10


def test_of_each_topic_the_last_decision_is_known():
    decisions, time = DecisionsRead(), EventTime()
    decisions.note(outcome(7, "upheld", START)._replace(topic="clock-outcomes"), time)
    for number in range(2 * MOST_RUNS):
        time.ticks = number
        decisions.note(outcome(number, "upheld", START), time)
    assert decisions.runs[0] == DecisionRun("c", 8, 0)
    assert len(decisions.runs) == MOST_RUNS
