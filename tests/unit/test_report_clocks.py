"""Clocks of reports: armed, advanced by time, paused, ended, kept across restores and changes of the law."""

import dataclasses
from typing import Any
from uuid import UUID, uuid5

from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.escalation import Escalation
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.origin import NotAtHome
from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.state_records import UnknownStateVersion
from streams.deciding.partition.census import take_census
from streams.deciding.partition import duplicates
from streams.deciding.partition.duplicates import event_hash, outcome_hash
from streams.deciding.partition.admission.breaker import WINDOW
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState, restore_reports
from streams.registry.obligation import Obligation
from tests.marked import marked
from tests.unit.clock_traffic import (
    OUTCOMES,
    clock_events,
    clock_of,
    clock_outcome,
    clock_rules,
    clock_steps,
    duty,
)
from tests.unit.traffic import (
    DAY,
    HOUR,
    INTERNAL,
    MINUTE,
    SHIPPED,
    START,
    Record,
    counted,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

RULES = clock_rules(duty())

# --- the life of a clock


def test_ticks_alone_advance_the_clocks_of_an_idle_partition() -> None:
    state = ReportState(0, 1, RULES)
    armed = run(state, RULES, [report(1, START)])
    assert clock_steps(armed) == [("armed", 1, rfc3339(START))]
    clock = START
    for reason, level, due in (
        ("half", 2, START + HOUR),
        ("nine_tenths", 3, START + 108 * MINUTE),
        ("lapsed", 4, START + 2 * HOUR),
    ):
        assert state.next_due() == due
        early = run(state, RULES, [tick(state.time.applied, due - 1)])
        assert early.outputs == []
        # The tick is read after the step was due, but the step has the time at which it was due.
        clock = due + MINUTE
        assert clock_steps(run(state, RULES, [tick(state.time.applied, clock)])) == [
            (reason, level, rfc3339(due))
        ]
        assert take_census(state).clocks_nearly_due == (reason == "nine_tenths")
    assert take_census(state).clocks == {"running": 0, "paused": 0, "lapsed": 1, "over": 0}
    # The counts expire, and who reported. The clock without an outcome does not.
    run(state, RULES, [tick(state.time.applied, clock + 120 * DAY)])
    assert (len(state.counts), len(state.clocks), state.next_due()) == (0, 1, None)
    time = state.time.now
    ended = run(state, RULES, [clock_outcome(1, "fulfilled", clock_of(1), time)])
    assert clock_steps(ended) == [("fulfilled", 4, rfc3339(time))]
    assert len(state.clocks) == 0
    [deleted] = [key for key in ended.changes if key.startswith(b"L")]
    assert ended.changes[deleted] is None


@pytest.mark.parametrize("actor", ["legal-7f3a", None])
def test_the_step_of_an_outcome_names_its_actor_and_no_other_step_does(actor: str | None) -> None:
    state = ReportState(0, 1, RULES)
    armed = run(state, RULES, [report(1, START)])
    fields = {} if actor is None else {"actor": actor}
    ended = run(state, RULES, [clock_outcome(1, "fulfilled", clock_of(1), START + HOUR + MINUTE, **fields)])
    events = clock_events(armed) + clock_events(ended)
    assert [event["reason"] for event in events] == ["clock_armed", "clock_half", "clock_fulfilled"]
    shown = [event["clock"].get("actor", "absent") for event in events]
    assert shown == ["absent", "absent", actor or "absent"]


def test_every_field_of_the_events_of_a_clock() -> None:
    state = ReportState(0, 1, RULES)
    first = run(state, RULES, [report(1, START + 30 * MINUTE, received_at=rfc3339(START), message_ref="m")])
    [opened] = clock_events(first)
    record = next(output for output in first.outputs if output.topic == "escalations")
    assert record.key == b"c"
    assert dict(record.headers)["ce_id"] == str(uuid5(UUID(clock_of(1)), "1")).encode()
    assert opened["escalation_id"] == opened["clock"]["clock_id"] == clock_of(1)
    assert (opened["type"], opened["status"], opened["mode"]) == ("opened", "open", "live")
    due = rfc3339(START + 2 * HOUR)
    assert opened["window"] == {"start": rfc3339(START), "end": due}
    assert opened["conditions"] == [{"measure": "elapsed", "value": 0.25, "threshold": 0.0}]
    [obligation] = opened["obligations"]
    assert (obligation["id"], obligation["clock_status"], obligation["due_at"]) == (
        "GLOBAL.fast",
        "armed",
        due,
    )
    [enriched] = of_topic(first, "enriched-reports")
    assert [row["due_at"] for row in enriched["obligations"]] == [due]
    assert opened["counts"]["reports"] == opened["counts"]["distinct_reporters"] == 1
    assert opened["message_refs"] == ["m"]
    assert opened["trace"]["partition_offsets"] == {"message-reports/0": 1}

    paused = run(
        state, RULES, [clock_outcome(7, "paused", clock_of(1), START + 40 * MINUTE, reason="clarification")]
    )
    [event] = clock_events(paused)
    assert (event["type"], event["sequence"], event["level"]) == ("updated", 2, 1)
    assert event["trace"]["partition_offsets"] == {"clock-outcomes/0": 7}
    assert event["clock"]["status"] == "paused"
    assert state.next_due() == state.counts.next_expiry()
    resumed = run(state, RULES, [clock_outcome(8, "resumed", clock_of(1), START + 10 * HOUR)])
    [event] = clock_events(resumed)
    later = rfc3339(START + 10 * HOUR + 80 * MINUTE)
    assert (event["reason"], event["clock"]["due_at"]) == ("clock_resumed", later)
    assert event["obligations"][0]["due_at"] == event["window"]["end"] == later
    ended = run(state, RULES, [clock_outcome(9, "withdrawn", clock_of(1), START + 10 * HOUR)])
    [event] = clock_events(ended)
    assert (event["type"], event["status"], event["reason"]) == ("resolved", "resolved", "clock_withdrawn")
    assert event["clock"]["status"] == "withdrawn"
    for outcome in (first, paused, resumed, ended):
        for output in outcome.outputs:
            if output.topic == "escalations":
                msgspec.json.decode(output.value or b"", type=Escalation, strict=True)
    assert counted(ended) == {"clock:GLOBAL.fast:withdrawn": 1, "clock_outcomes": 1}


def test_steps_already_due_are_taken_at_once() -> None:
    state = ReportState(0, 1, RULES)
    outcome = run(state, RULES, [report(1, START, received_at=rfc3339(START - 110 * MINUTE))])
    at = rfc3339(START)
    assert clock_steps(outcome) == [("armed", 1, at), ("half", 2, at), ("nine_tenths", 3, at)]
    assert state.next_due() == START + 10 * MINUTE
    outcome = run(state, RULES, [report(2, START, received_at=rfc3339(START - 3 * DAY))])
    assert [reason for reason, _, _ in clock_steps(outcome)] == ["armed", "half", "nine_tenths", "lapsed"]


def test_clock_steps_and_episodes_are_processed_in_order_of_time() -> None:
    rules = clock_rules(duty(), policies=(policy(levels=levels({"reports": 1})),))
    state = ReportState(0, 1, rules)
    run(state, rules, [report(1, START, channel="d"), report(2, START, channel="c")])
    outcome = run(state, rules, [report(3, START + DAY, category="ip")])
    served = [(event["reason"], event["channel_ref"]) for event in of_topic(outcome, "escalations")]
    steps = ("clock_half", "cleared", "clock_nine_tenths", "clock_lapsed")
    assert served == [(step, channel) for step in steps for channel in ("c", "d")]


def test_a_report_too_old_to_be_counted_still_arms_its_clock() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START, category="fraud")])
    outcome = run(state, RULES, [report(2, START - 40 * DAY, appended=START, received_at=rfc3339(START))])
    assert counted(outcome).get("late", 0) == 1
    assert clock_steps(outcome) == [("armed", 1, rfc3339(START))]


def test_a_duplicate_that_is_no_longer_remembered_arms_no_second_clock() -> None:
    rules = clock_rules(duty(), settings=PartitionSettings(duplicates_most=1))
    state = ReportState(0, 1, rules)
    with patch.object(duplicates, "SLOT_SIZE", 1):
        run(state, rules, [report(1, START), report(2, START)])
        again = run(state, rules, [report(1, START)])
    assert counted(again).get("applied", 0) == 1
    assert clock_steps(again) == []


def test_a_pause_reported_late_counts_from_its_own_time() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START), report(2, START + 70 * MINUTE, category="fraud")])
    run(state, RULES, [clock_outcome(1, "paused", clock_of(1), START + 65 * MINUTE, reason="clarification")])
    # Half of its time had passed before the pause, and nine tenths by the time of the resumption.
    run(state, RULES, [report(3, START + 5 * HOUR, category="fraud")])
    outcome = run(state, RULES, [clock_outcome(2, "resumed", clock_of(1), START + 100 * MINUTE)])
    shift = 35 * MINUTE
    assert clock_steps(outcome) == [
        ("resumed", 2, rfc3339(START + 100 * MINUTE)),
        ("nine_tenths", 3, rfc3339(START + 108 * MINUTE + shift)),
        ("lapsed", 4, rfc3339(START + 2 * HOUR + shift)),
    ]


def test_a_late_report_does_not_delay_clocks() -> None:
    state = ReportState(0, 1, RULES)
    run(
        state, RULES, [report(1, START), report(2, START - HOUR, appended=START + 50 * MINUTE, category="ip")]
    )
    assert state.time.now == START
    outcome = run(state, RULES, [tick(state.time.applied, START + HOUR)])
    assert clock_steps(outcome) == [("half", 2, rfc3339(START + HOUR))]


def test_an_outcome_of_the_past_does_not_delay_other_clocks() -> None:
    """The next tick moves time on by all that has passed since the last report."""
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START), report(2, START)])
    run(
        state,
        RULES,
        [clock_outcome(1, "fulfilled", clock_of(1), START + MINUTE, appended=START + 50 * MINUTE)],
    )
    assert state.time.now == START + MINUTE
    outcome = run(state, RULES, [tick(state.time.applied, START + HOUR)])
    assert clock_steps(outcome) == [("half", 2, rfc3339(START + HOUR))]


# --- outcomes that cannot be applied


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        (clock_outcome(1, "fulfilled", clock_of(2), START), "clock_not_running", "clock_id"),
        (clock_outcome(1, "fulfilled", clock_of(1), START, channel="d"), "clock_not_running", "clock_id"),
        (clock_outcome(1, "paused", clock_of(1), START), "not_pausable", "reason"),
        (clock_outcome(1, "paused", clock_of(1), START, reason="holiday"), "not_pausable", "reason"),
        (clock_outcome(1, "resumed", clock_of(1), START), "not_pausable", "outcome"),
        # By that time the clock has lapsed.
        (
            clock_outcome(1, "paused", clock_of(1), START + 3 * HOUR, reason="clarification"),
            "not_pausable",
            "outcome",
        ),
        (clock_outcome(1, "ended", clock_of(1), START), "invalid_value", "outcome"),
        (clock_outcome(1, "fulfilled", clock_of(1), START + HOUR, appended=START), "future_timestamp", "occurred_at"),
        (clock_outcome(1, "fulfilled", clock_of(1), START, channel="+49301234567"), "pii_detected", "key"),
        (clock_outcome(1, "fulfilled", clock_of(1), START, channel="030-1234567"), "pii_detected", "key"),
        (Record(OUTCOMES, 0, 1, START, b"k", None), "empty", "value"),
        (Record(OUTCOMES, 0, 1, START, b"k", b"{"), "not_json", "value"),
        (Record(OUTCOMES, 0, 1, START, b"k", b"{}"), "missing_field", "outcome_id"),
        (
            clock_outcome(1, "fulfilled", clock_of(1), START)._replace(
                headers=(("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/d"),
                         ("ce_type", b"tocsin.report.v1"))
            ),
            "bad_envelope",
            "ce_type",
        ),
    ],
)  # fmt: skip
def test_a_rejected_outcome_changes_nothing(record: Record, reason: str, field: str) -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START)])
    outcome = run(state, RULES, [record])
    [letter] = outcome.outputs
    headers = dict(letter.headers)
    assert letter.topic == "dead-letters"
    assert (headers["tocsin-reason"], headers["tocsin-field"]) == (reason.encode(), field.encode())
    assert headers["tocsin-topic"] == b"clock-outcomes"
    assert counted(outcome) == {f"dead_letter:{reason}": 1}
    # Only the flood window is written, and where among the reports the outcome was read.
    assert outcome.changes.keys() <= {b"T", b"O"}
    assert (state.time.now, state.time.newest_append) == (START, START)
    assert state.next_due() == START + HOUR


def test_only_unreadable_outcomes_are_a_flood() -> None:
    """After a reset thousands of outcomes may be read before the reports that arm their clocks."""
    state = ReportState(0, 1, RULES)
    early = [clock_outcome(n, "fulfilled", "nobody", START) for n in range(2 * WINDOW)]
    assert counted(run(state, RULES, early))["dead_letter:clock_not_running"] == 2 * WINDOW
    assert not state.breaker.is_tripped
    run(state, RULES, [Record(OUTCOMES, 0, n, START, None, b"{}") for n in range(WINDOW)])
    assert state.breaker.is_tripped


def test_a_duplicate_outcome_has_no_effect() -> None:
    state = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START)])
    paused = clock_outcome(1, "paused", clock_of(1), START, reason="clarification")
    resumed = clock_outcome(2, "resumed", clock_of(1), START + HOUR)
    run(state, RULES, [paused, resumed])
    outcome = run(state, RULES, [paused])
    assert outcome.outputs == []
    assert counted(outcome) == {"duplicates": 1}


@given(
    source=st.text("a/\0", max_size=6),
    one=st.text("ab", min_size=1, max_size=4),
    two=st.text("ab", min_size=1),
)
def test_hashes_of_outcomes_differ_from_hashes_of_reports(source: str, one: str, two: str) -> None:
    assert outcome_hash(source, one, two) != event_hash(source, one, two)
    assert outcome_hash(source, one, two) != event_hash(source + "\0" + one, one, two)


# --- partitions

AWAY = next(f"c{n}" for n in range(30) if home_partition(b"c%d" % n, 2) == 1)


def test_an_outcome_of_another_partition_is_rekeyed_and_applied_at_home() -> None:
    record = clock_outcome(4, "fulfilled", clock_of(1, AWAY), START, channel=AWAY)._replace(
        topic="eu." + OUTCOMES
    )
    away = run(ReportState(0, 2, RULES), RULES, [record])
    [moved] = away.outputs
    assert moved[:4] == (INTERNAL, 1, AWAY.encode(), record.value)
    assert counted(away) == {"rekeyed": 1}
    home = ReportState(1, 2, RULES)
    run(home, RULES, [report(1, START, channel=AWAY)])
    arrived = Record("eu." + INTERNAL, 1, 9, START + DAY, moved.key, moved.value, moved.headers)
    outcome = run(home, RULES, [arrived])
    [event] = clock_events(outcome)
    assert event["reason"] == "clock_fulfilled"
    assert event["trace"]["partition_offsets"] == {"eu.clock-outcomes/0": 4}


def test_a_rekeyed_outcome_in_a_foreign_partition_stops_the_worker() -> None:
    record = clock_outcome(4, "fulfilled", clock_of(1, AWAY), START, channel=AWAY)
    origin = (("tocsin-origin", b"clock-outcomes/0/4/%d" % START),)
    with pytest.raises(NotAtHome, match="offset 4: the home of this record is partition 1 of 2"):
        run(ReportState(0, 2, RULES), RULES, [record._replace(topic=INTERNAL, headers=origin)])


@pytest.mark.parametrize("key", [AWAY, "4711-2026-08", "00123456789"])
def test_an_outcome_of_a_request_is_passed_to_the_stage_of_requests(key: str) -> None:
    record = clock_outcome(4, "fulfilled", "some-clock", START, channel=key, subject="request")
    state = ReportState(0, 2, RULES)
    outcome = run(state, RULES, [record])
    [passed] = outcome.outputs
    home = home_partition(key.encode(), 2)
    assert passed[:4] == ("authority-requests-internal", home, key.encode(), record.value)
    assert dict(passed.headers)["tocsin-origin"] == b"clock-outcomes/0/4/%d" % START
    assert counted(outcome) == {"clock_outcomes_passed_on": 1}


# --- state


def test_a_clock_of_another_version_is_refused() -> None:
    with pytest.raises(UnknownStateVersion, match=r"type b'L' has version 09"):
        restore_reports(0, 1, RULES, [(b"Lc\0id", b"\x09")])


# --- the law


@pytest.mark.parametrize("changed", [(), (duty(duration="PT10M", title="new", pausable_for=()),)])
def test_a_change_of_the_law_does_not_change_a_running_clock(changed: tuple[Obligation, ...]) -> None:
    before = _opened()
    state = restore_reports(0, 1, clock_rules(*changed), before.items())
    rules = clock_rules(*changed)
    [half] = clock_events(run(state, rules, [tick(1, START + HOUR)]))
    [opened] = clock_events(run(ReportState(0, 1, RULES), RULES, [report(1, START)]))
    same = (
        "policy_reason",
        "registry_version",
        "obligations",
        "window",
        "routing",
        "rule_of_law",
        "statement",
    )
    assert {name: half[name] for name in same} == {name: opened[name] for name in same}
    paused = run(
        state, rules, [clock_outcome(1, "paused", clock_of(1), START + HOUR, reason="clarification")]
    )
    assert [reason for reason, _, _ in clock_steps(paused)] == ["paused"]


def _opened() -> dict[bytes, bytes]:
    stored: dict[bytes, bytes] = {}
    fold(stored, run(ReportState(0, 1, RULES), RULES, [report(1, START)]).changes)
    return stored


@pytest.mark.parametrize(
    "changes",
    [
        {"marks": marked("unverified")},
        {"duration": None, "standard": "promptly"},
        {"trigger": "actual_knowledge"},
        {"required_elements": ("explanation",)},
        {"meaning": "retention"},
        {"calendar": "business_days", "duration": "P3D"},
    ],
)
def test_a_duty_that_is_not_armed_has_no_clock(changes: dict[str, Any]) -> None:
    rules = clock_rules(duty(**changes))
    state = ReportState(0, 1, rules)
    outcome = run(state, rules, [report(1, START)])
    assert clock_steps(outcome) == []
    assert len(state.clocks) == 0


ELEMENTS = [
    "explanation", "location", "identity", "good_faith", "subject_or_authorised", "contact", "signature"
]  # fmt: skip
unverified_rules = compile_report_rules(
    dataclasses.replace(
        SHIPPED,
        obligations=tuple(
            dataclasses.replace(row, marks=marked("unverified")) for row in SHIPPED.obligations
        ),
    )
)
shipped_rules = compile_report_rules(SHIPPED)


@settings(max_examples=100)
@given(
    kind=st.sampled_from(
        ["user_report", "trusted_flagger_notice", "statutory_victim_request", "automated_detection"]
    ),
    category=st.sampled_from(sorted(SHIPPED.categories)),
    country=st.sampled_from(["US", "IN", "GB", "AU", "DE", "FR", "KR", "JP", "XX", "IE"]),
    elements=st.lists(st.sampled_from(ELEMENTS), unique=True) | st.just(ELEMENTS),
)
def test_no_unverified_row_arms_a_clock(kind: str, category: str, country: str, elements: list[str]) -> None:
    record = report(
        1,
        START,
        kind=kind,
        category=category,
        evidence=[{"country": country, "basis": "victim", "confidence": 1.0}],
        notice={"elements": elements},
    )
    assert clock_events(run(ReportState(0, 1, unverified_rules), unverified_rules, [record])) == []
    rows = {row.id: row for row in SHIPPED.obligations}
    outcome = run(ReportState(0, 1, shipped_rules), shipped_rules, [record])
    [enriched] = of_topic(outcome, "enriched-reports")
    armed = {row["id"]: row["due_at"] for row in enriched["obligations"] if row["clock_status"] == "armed"}
    opened = {event["clock"]["obligation"]: event["clock"]["due_at"] for event in clock_events(outcome)}
    assert opened == armed
    assert all(rows[row].marks.of_clock != "unverified" for row in armed)


def test_the_shipped_registry_arms_clocks() -> None:
    """Otherwise the property above would hold trivially."""
    record = report(
        1,
        START,
        kind="statutory_victim_request",
        category="ncii",
        evidence=[{"country": "US", "basis": "victim", "confidence": 1.0}],
        notice={"elements": ELEMENTS},
    )
    events = clock_events(run(ReportState(0, 1, shipped_rules), shipped_rules, [record]))
    assert "US.take-it-down.s3" in {event["clock"]["obligation"] for event in events}


def test_a_rejected_outcome_does_not_advance_the_clock() -> None:
    """Checking whether an outcome applies does not advance the clock."""
    state: ReportState = ReportState(0, 1, RULES)
    run(state, RULES, [report(1, START)])
    run(state, RULES, [clock_outcome(1, "paused", clock_of(1), START + 119 * MINUTE, reason="holiday")])
    assert clock_steps(run(state, RULES, [tick(1, START + HOUR)])) == [("half", 2, rfc3339(START + HOUR))]
