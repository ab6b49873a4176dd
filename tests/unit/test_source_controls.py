"""Decisions of operators about sources: pausing, resuming, and skipping records unread, each exactly once."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.internal.passed_report import StampedReport
from streams.contract.events.internal.source_decision import SourceDecision
from streams.contract.wire.forms.checked_report import checked_report
from streams.contract.wire.forms.report_decoding import decode_report
from streams.contract.wire.forms.source_decision import decode_source_decision, encode_source_decision
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.origin import own_place
from streams.deciding.partition.admission.source_controls import SOURCE_CONTROL, SourceControl
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from streams.running.partitions.resting import REFUSED_PER_SECOND, RestingSources
from tests.unit.traffic import EXTERNAL, INTERNAL, START, Record, compiled, policy, report, run

RULES = compiled(policy())
STAGE = report_stage(RULES)


def decided(action, until=None, topic=EXTERNAL, offset=0, entry=None):
    decision = SourceDecision(topic, action, "flood of a publisher", "op-7f3a", until, entry)
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


def bundle(offset, numbers):
    """A bundle of reports for the home of their channel."""
    entries = [
        StampedReport(checked_report(decode_report(each.value, each.headers, START), own_place(each), ()))
        for each in reports(numbers)
    ]
    made = STAMPED_REPORTS.record(0, 1, entries)
    return Record(INTERNAL, 0, offset, START, made.key, made.value, made.headers)


@pytest.mark.parametrize("restored", [False, True])
def test_an_entry_of_a_bundle_is_skipped_alone_although_the_decision_stands_behind_it(restored):
    state = ReportState(0, 1, RULES)
    decision = decided("skip", 6, INTERNAL, 7, entry=1)
    assert STAGE.is_decision(decision)
    assert not STAGE.is_decision(decided("skip", 6))
    STAGE.obey(state, [decision])
    assert STAGE.skipped_below(state, INTERNAL) == 0
    if restored:
        state = STAGE.restore(0, 1, list(state.sources.drain_changes()))
    outcome = run(state, RULES, [bundle(3, range(3)), bundle(5, range(3, 7))])
    (letter,) = [output for output in outcome.outputs if output.topic == "dead-letters"]
    headers = dict(letter.headers)
    assert (headers["tocsin-reason"], headers["tocsin-topic"], headers["tocsin-offset"]) == (
        b"skipped", EXTERNAL.encode(), b"4",
    )  # fmt: skip
    assert len(applied(outcome)) == 6
    # Read in its place it has no effect, and is forgotten with the next record.
    outcome = run(state, RULES, [decision, bundle(9, range(7, 9))])
    assert (reasons(outcome), len(applied(outcome))) == ([], 2)
    assert not state.sources


def test_of_an_internal_topic_a_plain_record_is_skipped_by_its_offset():
    state = ReportState(0, 1, RULES)
    STAGE.obey(state, [decided("skip", 6, INTERNAL, 7)])
    plain = Record(INTERNAL, 0, 5, START, None, b"x", [("tocsin-origin", b"clock-outcomes/2/40/%d" % START)])
    outcome = run(state, RULES, [plain, bundle(6, range(2))])
    (letter,) = [dict(output.headers) for output in outcome.outputs if output.topic == "dead-letters"]
    assert (letter["tocsin-reason"], letter["tocsin-topic"], letter["tocsin-offset"]) == (
        b"skipped", b"clock-outcomes", b"40",
    )  # fmt: skip
    assert len(applied(outcome)) == 2


def test_a_later_decision_about_another_entry_replaces_an_earlier_one():
    state = ReportState(0, 1, RULES)
    STAGE.obey(state, [decided("skip", 6, INTERNAL, entry=1), decided("skip", 6, INTERNAL, entry=3)])
    assert (reasons(run(state, RULES, [bundle(5, range(4))]))) == [b"skipped"]
    STAGE.obey(state, [decided("skip", 9, INTERNAL), decided("skip", 8, INTERNAL, entry=3)])
    assert state.sources.of(INTERNAL) == SourceControl(False, 9)


def test_a_control_without_an_entry_has_the_bytes_of_version_0_2():
    state = ReportState(0, 1, RULES)
    STAGE.obey(state, [decided("skip", 5)])
    (row,) = state.sources.drain_changes()
    assert row == (b"Smessage-reports", b"\x01\x92\xc2\x05")


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
        "entry": None,
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
