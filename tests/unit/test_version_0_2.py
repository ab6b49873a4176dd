"""Compatibility with version 0.2: its state is taken over and its logs replay to the same bytes, in each
mode.

Workers with the stage of reporters off re-keyed reports without a stamp; its recording is replayed as such
records. What is to differ from now on is declared in tests/fixtures/differences.py.
"""

from collections import Counter, defaultdict
from dataclasses import replace

import msgspec
import orjson
import pytest

from streams.contract.events.internal.credit import CREDIT_TYPE
from streams.contract.wire.forms.credit import decode_credit
from streams.contract.wire.forms.stamp import read_stamp
from streams.contract.wire.partitioner import home_partition
from streams.deciding.reporters.reporter import REPORTER
from streams.deciding.reports import crowd
from tests.fixtures import code_under_test, crowds
from tests.fixtures.coverage import check_covers_every_kind
from tests.fixtures.differences import (
    GENUINE_ORDER,
    LATE_CROWD,
    PAUSED_ORDER,
    VERSION_0_2,
    of_late_crowd,
    raised_beside_finding,
)
from tests.fixtures.recorded import load_version_0_2
from tests.fixtures.replay import TICK, Past
from tests.kafka.harness.reader import Row

MODERATION, CREDITS = "moderation-outcomes", "reporters-internal"


def past_of(mode, folder):
    recording = load_version_0_2(mode)
    stages = code_under_test.stages(
        recording.write_rules(folder),
        code_under_test.WORKERS_KEYS,
        sources=None,
        reporters=recording.reporters,
    )
    return Past(recording, stages, VERSION_0_2[mode])


@pytest.fixture(scope="module")
def off(tmp_path_factory):
    return past_of("off", tmp_path_factory.mktemp("off"))


@pytest.fixture(scope="module")
def on(tmp_path_factory):
    return past_of("on", tmp_path_factory.mktemp("on"))


@pytest.fixture(params=["off", "on"])
def past(request):
    return request.getfixturevalue(request.param)


def test_a_replay_from_the_start_gives_the_same_bytes(past):
    replay = past.replayed()
    assert past.check_written(replay, past.nothing) > 1_500
    past.check_ids(replay, past.nothing, set)


@pytest.mark.parametrize("mark", ["before", "between"])
def test_a_takeover_midway_applies_the_rest_to_the_same_bytes(past, mark):
    replay, start = past.taken_over(mark), getattr(past.recording, mark)
    assert past.check_written(replay, start) > (700 if mark == "before" else 200)
    past.check_ids(replay, start, set)


def test_a_takeover_before_each_batch_gives_the_same_bytes(past):
    past.check_written(past.taken_over_before_each_batch(), past.nothing)


def test_the_recording_covers_every_kind_of_event(past):
    check_covers_every_kind(past)
    assert {event["subject"]["kind"] for event in past.events(MODERATION)} == {
        "message",
        "report",
        "escalation",
    }


def test_workers_without_the_stage_of_reporters_read_decisions_that_led_to_nothing(off):
    assert {stage for stage, _ in off.owners} == {"reports", "requests"}
    assert any(topic == MODERATION for batch in off.recording.batches for topic, _ in batch.records)
    for topic in (CREDITS, "reporter-notices", "integrity-cases"):
        assert not off.events(topic)
    assert not any("trust" in event or "integrity" in event for event in off.events("enriched-reports"))


def test_with_it_the_recording_covers_stamps_credits_findings_the_cap_and_cases(on):
    stamps = [
        stamp
        for n in range(on.recording.partitions)
        for _, _, headers in on.written("message-reports-internal", n)
        if (stamp := read_stamp(headers)) is not None
    ]
    assert {stamp.reporter_class for stamp in stamps} >= {"low", "high"}
    for name in ("first_time", "over_limit"):
        assert {getattr(stamp, name) for stamp in stamps} == {False, True}
    assert any(stamp.signature for stamp in stamps)
    assert {stamp.needed for stamp in stamps} == {1, 2, 3}

    credited = [
        decode_credit(value)
        for n in range(on.recording.partitions)
        for _, value, headers in on.written(CREDITS, n)
        if ("ce_type", CREDIT_TYPE.encode()) in headers
    ]
    assert {credit.decision for credit in credited} == {"upheld", "dismissed", "manifestly_unfounded"}
    assert any(credit.removed and credit.added for credit in credited)
    assert {event["state"] for event in on.events("reporter-notices")} == {
        "received",
        "decided",
        "superseded",
    }

    findings = [event["integrity"] for event in on.events("enriched-reports") if "integrity" in event]
    assert {signal for finding in findings for signal in finding["signals"]} >= {
        "linked_reporters",
        "burst",
        "first_time_reporters",
        "young_accounts",
        "non_members",
        "same_hour_raid",
    }
    cases = on.events("integrity-cases")
    assert {case["kind"] for case in cases} == {"brigade", "misuse", "many_channels"}
    levels = defaultdict(int)
    for event in on.events("escalations"):
        levels[event["channel_ref"]] = max(levels[event["channel_ref"]], event["level"])
    # As many reporters: of members, of new accounts, and of a brigade.
    assert (levels["crowd-1"], levels["crowd-20"], levels["crowd-14"]) == (2, 1, 1)
    assert {"crowd-20", "crowd-14"} <= {case["channel_ref"] for case in cases}


def test_with_it_every_record_about_reporters_is_in_the_states_that_are_taken_over(on):
    kinds = {
        stage: {
            key[:1]
            for owner in on.owners
            if owner[0] == stage
            for key in on.stored_at(owner, on.recording.before)
        }
        for stage in on.stages
    }
    assert kinds["reporters"] >= {REPORTER}
    assert kinds["reports"] >= {
        crowd.MESSAGE_REPORTERS,
        crowd.MESSAGE_CLUSTERS,
        crowd.CHANNEL_ARRIVALS,
        crowd.LISTED_MESSAGES,
        crowd.GUARD_RAIL,
    }


def test_what_is_not_declared_must_not_differ(on):
    """A comparison of one topic with a field changed in the recording, of which each declaration is as wide
    as it says.
    """
    topic = "escalations"
    found = [row for row in on.written(topic, 0) if not raised_beside_finding(topic, row)]

    def changed(rows):
        """As if all had been recorded with another level, or a field of the integrity of a finding."""
        return [
            (key, orjson.dumps(event | {"level": event["level"] + 1}), headers)
            for key, value, headers in rows
            for event in [orjson.loads(value)]
        ]

    def check(**declared):
        return replace(on.comparison, **declared).check(topic, 0, found, found, in_order=True)

    assert check() == len(found) > 20
    with pytest.raises(
        AssertionError, match=r"escalations 0, record 0 with key .*: value.level is \d instead of \d"
    ):
        check(rewritten={topic: changed})
    with pytest.raises(AssertionError, match="records instead of"):
        check(rewritten={topic: lambda rows: rows[1:]})
    assert check(rewritten={topic: changed}, left_out=frozenset({"escalations.level"}))
    for other in ("escalations.counts.level", "enriched-reports.level", "level"):
        with pytest.raises(AssertionError, match="value.level is"):
            check(rewritten={topic: changed}, left_out=frozenset({other}))

    owner = "reports", 0
    stored = on.stored(owner)
    key = next(key for key in stored if key[:1] == crowd.CHANNEL_ARRIVALS)
    first, *rest = msgspec.msgpack.decode(stored[key][1:-4])
    other = stored | {key: stored[key][:1] + msgspec.msgpack.encode([first + 1, *rest]) + stored[key][-4:]}
    with pytest.raises(AssertionError, match="key b'V"):
        on.comparison.check_state("reports 0", other, stored)
    view = {crowd.CHANNEL_ARRIVALS: lambda value: msgspec.msgpack.decode(value[1:-4])[1:]}
    replace(on.comparison, views=view).check_state("reports 0", other, stored)
    with pytest.raises(AssertionError, match="only here"):
        on.comparison.check_state("reports 0", stored | {b"!": b"new"}, stored)
    replace(on.comparison, new_state=frozenset({b"!"})).check_state("reports 0", stored | {b"!": b""}, stored)


def test_a_genuine_order_of_then_has_its_clock_now(past):
    key = GENUINE_ORDER
    recorded = [
        orjson.loads(value)
        for n in range(past.recording.partitions)
        for written, value, _ in past.written("authority-routing", n)
        if written == key
    ]
    assert [event["decision"] for event in recorded] == ["incomplete"]
    assert recorded[0]["findings"]["missing"] == ["necessity"]
    now = [
        orjson.loads(value)
        for (topic, _), rows in past.replayed().outputs.items()
        if topic == "authority-routing"
        for written, value, _ in rows
        if written == key
    ]
    assert [event["reason"] for event in now] == ["judged", "clock_half", "clock_nine_tenths", "clock_lapsed"]
    assert now[0]["clocks"][0]["obligation"] == "EU.e-evidence.art10-4"


def test_an_incomplete_order_of_then_is_paused_now(past):
    (event,) = (
        orjson.loads(value)
        for (topic, _), rows in past.replayed().outputs.items()
        if topic == "authority-routing"
        for written, value, _ in rows
        if written == PAUSED_ORDER
    )
    assert (event["decision"], event["findings"]["missing"]) == ("incomplete", ["issued_at"])
    (clock,) = event["clocks"]
    assert (clock["obligation"], clock["status"]) == ("EU.tco.art3-3", "paused")


def test_one_account_of_then_adds_its_risk_once_now(on):
    """It reported a dozen messages of one channel; in the recording its risk added up."""

    def risks(rows):
        events = [orjson.loads(value) for _, value, _ in rows]
        return [
            event["channel_windows"][0]["risk"]
            for event in events
            if event["report"]["channel"]["ref"] == "crowd-30"
            and event["report"]["report_id"].startswith("one-")
        ]

    partitions = range(on.recording.partitions)
    replay = on.replayed()
    before = [risk for n in partitions for risk in risks(on.written("enriched-reports", n))]
    now = [risk for n in partitions for risk in risks(replay.outputs["enriched-reports", n])]
    assert len(set(before)) > 10
    assert len(set(now)) == 1


def test_a_crowd_that_came_late_then_escalates_in_its_own_window_now(past):
    """All that is declared to be new because of it is there, once, and follows from its reports alone."""
    partitions = range(past.recording.partitions)
    replay = past.replayed()
    topics = ("escalations", "escalations-shadow", "integrity-cases")

    def of_crowd(topic, rows):
        return [row for row in rows if row[0] == LATE_CROWD and topic in topics]

    assert not any(of_crowd(topic, past.written(topic, n)) for topic in topics for n in partitions)
    found = [
        (topic, orjson.loads(row[1]))
        for topic in topics
        for n in partitions
        for row in of_crowd(topic, replay.outputs[topic, n])
        if of_late_crowd(topic, row)
    ]
    assert len(found) == sum(
        len(of_crowd(topic, replay.outputs[topic, n])) for topic in topics for n in partitions
    )
    events = [event for topic, event in found if topic == "escalations"]
    cases = [event for topic, event in found if topic == "integrity-cases"]
    if past.recording.reporters:
        # All twelve are new here: it is capped at the level for a person to look at, with a case.
        assert [event["level"] for event in events] == [1]
        assert [case["kind"] for case in cases] == ["brigade"]
    else:
        assert [event["level"] for event in events] == [1, 2]
        assert not cases

    # In the recording each of its reports was counted, and in no window of then.
    reports = [
        orjson.loads(value)
        for n in partitions
        for key, value, _ in past.written("enriched-reports", n)
        if key == LATE_CROWD
    ]
    assert len(reports) == 12
    assert {(each["counted"], each["channel_windows"][0]["reports"]) for each in reports} == {(True, 0)}
    for event in events:
        start, end = event["window"]["start"], event["window"]["end"]
        inside = [each for each in reports if start <= each["report"]["occurred_at"] < end]
        assert len(inside) >= event["counts"]["distinct_reporters"] >= event["conditions"][0]["threshold"]
        assert end < event["at"]

    def escalated(rows):
        """Of the last counter of its country and category of the day."""
        *_, last = (orjson.loads(value) for key, value, _ in rows if key.endswith(b"/reports/1/XX/spam"))
        return sum(each["count"] for each in last["reports"] if each["escalated"])

    counters = "transparency-counters"
    assert escalated(past.written(counters, 1)) == 0
    assert escalated(replay.outputs[counters, 1]) == len(events)


class _OneMode:
    """The stages of today on the state of a worker without the stage of reporters.

    What a stage writes to an internal topic is applied at once.
    """

    def __init__(self, past, stages, mark):
        self.past = past
        self.stages = {stage.name: stage for stage in stages}
        partitions = past.recording.partitions
        self.states = {
            (name, n): stage.restore(
                n, partitions, past.stored_at((name, n), mark).items() if name == "reports" else ()
            )
            for name, stage in self.stages.items()
            for n in range(partitions)
        }
        self.outputs = defaultdict(list)

    def events(self, topic):
        return [orjson.loads(output.value) for output in self.outputs[topic]]

    def apply(self, name, record):
        for output in self.stages[name].apply(self.states[name, record.partition], [record]).outputs:
            stage = {"message-reports-internal": "reports", "reporters-internal": "reporters"}.get(
                output.topic
            )
            if stage is None:
                self.outputs[output.topic].append(output)
                continue
            topic = self.past.recording.name(output.topic)
            row = replace(record, topic=topic, partition=output.partition, key=output.key)
            self.apply(stage, replace(row, value=output.value, headers=tuple(output.headers)))


def test_the_state_of_off_is_taken_over_and_goes_on_through_the_stage_of_reporters(off, tmp_path):
    recording = off.recording
    stages = code_under_test.stages(
        recording.write_rules(tmp_path), code_under_test.WORKERS_KEYS, sources=None, reporters=True
    )
    now = _OneMode(off, stages, recording.before)
    for batch in recording.batches[recording.batches_before :]:
        for topic, offset in batch.records if batch.stage == "reports" else ():
            record = off.topics.at(recording.name(topic), batch.partition, offset)
            # What was re-keyed then is passed on now.
            if topic != "message-reports-internal" or ("ce_type", TICK) in record.headers:
                now.apply("reports", record)

    recorded = {
        topic: [
            orjson.loads(value)
            for n in range(recording.partitions)
            for _, value, _ in off.written(topic, n, recording.before[topic][n])
        ]
        for topic in ("enriched-reports", "escalations")
    }

    def counts(events):
        """What each report found in its channel: reports and distinct reporters, by window."""
        return {
            event["report"]["report_id"]: [
                (window["reports"], window["distinct_reporters"]) for window in event["channel_windows"]
            ]
            for event in events
        }

    assert len(now.events("enriched-reports")) == len(recorded["enriched-reports"]) > 100
    assert counts(now.events("enriched-reports")) == counts(recorded["enriched-reports"])

    def steps(events):
        return Counter(
            (event["policy"], event["channel_ref"], event["reason"], event["level"])
            for event in events
            # Judged in its own window now (see the test before this one).
            if event["channel_ref"] != LATE_CROWD.decode()
        )

    # The same but that the brigade stays at internal review, and a person is asked.
    more = steps(recorded["escalations"]) - steps(now.events("escalations"))
    assert more == {("fraud", "crowd-14", "level_raised", 2): 1}
    assert not steps(now.events("escalations")) - steps(recorded["escalations"])
    cases = {case["channel_ref"] for case in now.events("integrity-cases")}
    assert cases == {"crowd-14", LATE_CROWD.decode()}

    # From then on desks' decisions reach the reporters.
    newest = max(row[3] for row in recording.rows)
    decision = crowds.decided(55, "dismissed", newest, 14)
    topic, home = recording.name(MODERATION), home_partition(b"crowd-14", recording.partitions)
    now.apply("reports", Row(topic, home, 1_000, newest, decision.key, decision.value, ()))
    told = [notice for notice in now.events("reporter-notices") if notice["state"] == "decided"]
    assert sum(notice["report_id"].startswith("c-14-") for notice in told) > 10
    rows = off.topics.rows[recording.name("message-reports")]
    row = next(row for n in rows for row in rows[n] if b'"c-14-0"' in row.value)
    now.apply("reports", replace(row, value=row.value.replace(b'"c-14-0"', b'"again"')))
    again = now.events("enriched-reports")[-1]
    assert again["report"]["report_id"] == "again"
    assert (again["trust"]["trust_class"], again["trust"]["outcomes"]) == ("low", 2)
