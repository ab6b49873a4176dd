"""Decisions of operators about sources: pausing, resuming, and skipping records unread, each exactly once."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.forms.source_decision import decode_source_decision, encode_source_decision
from streams.deciding.partition.source_controls import SOURCE_CONTROL
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.running.partitions.resting import REFUSED_PER_SECOND, RestingSources
from tests.unit.traffic import EXTERNAL, INTERNAL, START, Record, compiled, policy, report, run

RULES = compiled(policy())
STAGE = report_stage(RULES)


def decided(action, until=None, topic=EXTERNAL, offset=0):
    decision = SourceDecision(topic, action, "flood of a publisher", "op-7f3a", until)
    value, headers = encode_source_decision(decision)
    return Record(INTERNAL, 0, offset, START, None, value, list(headers))


def reports(offsets):
    """Reports that are applied where they are read: nobody knows who made them."""
    return [report(offset, START, reporter={"kind": "anonymous"}) for offset in offsets]


def reasons(outcome):
    return [
        dict(output.headers)["tocsin-reason"] for output in outcome.outputs if output.topic == "dead-letters"
    ]


def applied(outcome):
    return [output.headers for output in outcome.outputs if output.topic == "enriched-reports"]


def test_skipped_records_are_dead_letters_unread_and_the_rest_is_applied():
    state = ReportState(0, 1, RULES)
    poison = Record(EXTERNAL, 0, 3, START, None, b"\xff")
    outcome = run(state, RULES, [decided("skip", 5), *reports([2]), poison, *reports([4, 5, 6])])
    assert reasons(outcome) == [b"skipped"] * 3
    letters = [output for output in outcome.outputs if output.topic == "dead-letters"]
    assert [dict(letter.headers)["tocsin-offset"] for letter in letters] == [b"2", b"3", b"4"]
    assert letters[1].value == b"\xff"
    assert len(applied(outcome)) == 2
    # They were not read, so they are no flood; and once passed, nothing is left of the decision.
    assert state.breaker.dead_letters == 0
    assert outcome.changes[SOURCE_CONTROL + EXTERNAL.encode()] is None


def test_only_the_source_that_was_named_is_skipped():
    outcome = run(ReportState(0, 1, RULES), RULES, [decided("skip", 9, "clock-outcomes"), *reports([1, 2])])
    assert len(applied(outcome)) == 2


@settings(max_examples=60)
@given(
    decisions=st.lists(
        st.tuples(
            st.sampled_from(["pause", "resume", "skip"]),
            st.sampled_from([EXTERNAL, "clock-outcomes"]),
            st.integers(1, 9),
        ),
        max_size=8,
    ),
    cut=st.integers(0, 8),
    repeated=st.booleans(),
)
def test_decisions_survive_a_restore_and_do_not_count_twice(decisions, cut, repeated):
    records = [decided(action, until, topic, n) for n, (action, topic, until) in enumerate(decisions)]
    state, stored = ReportState(0, 1, RULES), {}
    for part in (records[:cut], records[cut:]):
        outcome = run(state, RULES, [record for record in part for _ in range(1 + repeated)])
        assert outcome.outputs == []
        stored |= outcome.changes
        kept = [(key, value) for key, value in stored.items() if value is not None]
        state = STAGE.restore(0, 1, kept)
    for topic in (EXTERNAL, "clock-outcomes"):
        of_topic = [(action, until) for action, name, until in decisions if name == topic]
        pauses = [action for action, _ in of_topic if action != "skip"]
        assert (topic in STAGE.paused_sources(state)) == (pauses[-1:] == ["pause"])
        assert STAGE.skipped_below(state, topic) == max(
            (n for action, n in of_topic if action == "skip"), default=0
        )


def test_a_publisher_cannot_decide():
    """Neither in a source topic, nor in a record that is re-keyed to the internal one."""
    forged = decided("pause")
    assert decode_source_decision(forged) is not None
    assert decode_source_decision(forged._replace(topic=EXTERNAL)) is None
    origin = ("tocsin-origin", b'{"topic":"message-reports","partition":1,"offset":0,"timestamp":0}')
    assert decode_source_decision(forged._replace(headers=[*forged.headers, origin])) is None


@pytest.mark.parametrize(
    "value", [None, b"", b"{}", b'{"topic":"t","action":"stop","reason":"r","actor":"a"}']
)
def test_an_unreadable_decision_is_a_dead_letter(value):
    outcome = run(ReportState(0, 1, RULES), RULES, [decided("pause")._replace(value=value)])
    assert len(reasons(outcome)) == 1


def test_a_decision_says_why_and_who():
    decision = decode_source_decision(decided("skip", 7))
    assert msgspec.structs.asdict(decision) == {
        "topic": EXTERNAL,
        "action": "skip",
        "reason": "flood of a publisher",
        "actor": "op-7f3a",
        "until": 7,
    }


@pytest.fixture
def clock(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr("streams.running.partitions.resting.time.monotonic", lambda: now[0])
    return now


def test_a_flooded_source_rests_as_long_as_its_refused_records_demand(clock):
    resting = RestingSources()
    resting.rest({"in": 5 * REFUSED_PER_SECOND}, [])
    assert (resting.reasons(), "in" in resting, resting.wake()) == ({"in": "flood"}, True, [])
    clock[0] += 4.9
    assert resting.wake() == []
    clock[0] += 0.2
    assert (resting.wake(), resting.reasons()) == (["in"], {})


def test_a_paused_source_rests_until_it_is_resumed(clock):
    resting = RestingSources()
    resting.rest({}, ["in"])
    resting.rest({"in": 1}, ["in"])
    clock[0] += 1e9
    assert (resting.wake(), resting.reasons()) == ([], {"in": "paused"})
    resting.rest({}, [])
    assert resting.wake() == ["in"]


def test_ranges_fetched_before_the_end_of_a_rest_are_dropped(clock):
    resting = RestingSources()
    assert resting.takes("in", 7, 7)
    resting.rest({"in": 1}, [])
    assert not resting.takes("in", 7, 7)
    assert resting.takes("other", 9, 9)
    clock[0] += 1
    resting.wake()
    # Dropped while the source rested: 7 to 11. This one was fetched behind them.
    assert not resting.takes("in", 12, 7)
    assert resting.takes("in", 7, 7)
    # From here on a gap is a loss again, which the owner reports.
    assert resting.takes("in", 15, 12)
