"""Daily counters: exact in batches of any size, and kept in the state for the current day alone."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import chain

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.contract.events.report import Channel, MessageReport, Reporter
from streams.contract.events.transparency import (
    TRANSPARENCY_COUNTER_TYPE,
    ReportCount,
    RequestCount,
    TransparencyCounter,
)
from streams.contract.wire.encoding import encode
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.state_records import UnknownStateVersion
from streams.counting.rounded_times import rounded_time
from streams.deciding.partition.daily_counters import DAILY_COUNTERS, DailyCounters, merge_counters
from streams.deciding.partition.moving import NewPartition, Shared
from streams.deciding.reports.apply import daily_cell
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.contract.examples import example, example_files, name_of
from tests.unit.transparency_totals import LISTS

HOUR = 3_600_000
DAY = 24 * HOUR
START = 20_700 * DAY
OF_USER = ("user", "user_report", False, False, False)
OF_STATE = ("state_actor", "user_report", False, True, False)
OF_MACHINE = ("automated", "automated_detection", True, False, True)

steps = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1, HOUR, DAY, 3 * DAY]),
        st.sampled_from(["DE", "KR", "XX"]),
        st.sampled_from(["fraud", "csam"]),
        # With None time passes and nothing is counted.
        st.sampled_from([OF_USER, OF_STATE, OF_MACHINE, None]),
    ),
    max_size=40,
)


def fold(kept, pairs):
    for key, value in pairs:
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value


def published(records):
    return {record.key: (record.value, tuple(record.headers)) for record in records}


def numbers(topic):
    """The count by (date, country, category, cell), from the last value of each key."""
    found = {}
    for value, _ in topic.values():
        counter = msgspec.json.decode(value, type=TransparencyCounter)
        for row in counter.reports:
            *cell, count = msgspec.structs.astuple(row)
            found[counter.date, counter.country, counter.category, tuple(cell)] = count
    return found


def play(taken, cuts, restored):
    """The state and the topic after the steps.

    A batch ends at each cut; the owner changes at those in `restored`.
    """
    counters = DailyCounters("reports", 3)
    state, topic, now = {}, {}, START
    for number, (passed, country, category, cell) in enumerate(taken, 1):
        now += passed
        if cell is not None:
            counters.count(now, country, category, cell)
        if number in cuts or number == len(taken):
            drained = counters.drain(now)
            fold(state, drained.changes.items())
            topic |= published(drained.records)
            if number in restored:
                counters = DailyCounters("reports", 3)
                for key, value in reversed(state.items()):
                    counters.restore(key, value)
    return state, topic, now


@settings(max_examples=200)
@given(steps, st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)))
def test_the_last_value_of_each_key_is_exact_whatever_the_batches_and_restores(taken, cuts, restored):
    state, topic, _ = play(taken, cuts, restored)
    whole_state, whole_topic, now = play(taken, set(), set())
    expected, time = Counter(), START
    for passed, country, category, cell in taken:
        time += passed
        if cell is not None:
            day = datetime.fromtimestamp(time / 1000, UTC).date().isoformat()
            expected[day, country, category, cell] += 1
    assert numbers(topic) == expected
    assert topic == whole_topic
    assert state == whole_state
    today = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    assert {key[1:11].decode() for key in state} == {date for date, *_ in expected if date == today}


def test_a_batch_writes_only_what_it_changed():
    counters = DailyCounters("reports", 3)
    counters.count(START, "DE", "fraud", OF_USER)
    counters.count(START, "KR", "fraud", OF_USER)
    assert len(counters.drain(START).records) == 2
    counters.count(START + 1, "KR", "fraud", OF_USER)
    records, changes = counters.drain(START + 1)
    assert [record.key for record in records] == [b"2026-09-04/reports/3/KR/fraud"]
    assert list(changes) == [b"R2026-09-04/KR/fraud"]
    assert counters.drain(START + 2) == ([], {})
    assert len(counters) == 2


def test_a_new_day_ends_the_previous_day_without_a_report():
    counters = DailyCounters("reports", 0)
    counters.count(START, "DE", "fraud", OF_USER)
    counters.drain(START)
    records, changes = counters.drain(START + DAY)
    assert (records, changes) == ([], {b"R2026-09-04/DE/fraud": None})
    assert len(counters) == 0


def test_a_day_within_one_batch_is_published_and_never_in_the_state():
    counters = DailyCounters("reports", 0)
    counters.count(START, "DE", "fraud", OF_USER)
    counters.count(START + DAY, "DE", "fraud", OF_USER)
    records, changes = counters.drain(START + 2 * DAY)
    assert [record.key[:10] for record in records] == [b"2026-09-04", b"2026-09-05"]
    assert changes == {}


def test_a_counter_is_an_event_with_its_own_id_for_its_partition():
    counters = DailyCounters("reports", 3)
    counters.count(START + 5, "DE", "fraud", OF_MACHINE)
    counters.count(START + 7, "DE", "fraud", OF_MACHINE)
    (record,) = counters.drain(START + HOUR).records
    assert (record.topic, record.partition) == ("transparency-counters", 3)
    headers = dict(record.headers)
    assert headers["ce_type"].decode() == TRANSPARENCY_COUNTER_TYPE
    assert headers["ce_id"] == b"2026-09-04/reports/3/DE/fraud/2"
    # The time of the newest counted report, not of the end of the batch.
    assert headers["ce_time"] == b"2026-09-04T00:00:00.007Z"
    counter = msgspec.json.decode(record.value, type=TransparencyCounter)
    assert counter.reports == (ReportCount("automated", "automated_detection", True, False, True, 2),)
    assert counter.requests == ()


def test_requests_are_counted_and_restored_like_reports():
    counters = DailyCounters("requests", 1)
    cell = ("order_for_information", "dsa_art10", "court", "refused", "bulk_identify")
    counters.count(START, "FR", "unspecified", cell)
    state = counters.drain(START).changes
    restored = DailyCounters("requests", 1)
    for key, value in state.items():
        restored.restore(key, value)
    restored.count(START, "FR", "unspecified", cell)
    (record,) = restored.drain(START).records
    assert record.key == b"2026-09-04/requests/1/FR/unspecified"
    counter = msgspec.json.decode(record.value, type=TransparencyCounter)
    assert counter.requests == (RequestCount(*cell, 2),)
    assert counter.reports == ()


def test_state_of_another_version_is_refused():
    for value in (b"", b"\x02\x90"):
        with pytest.raises(UnknownStateVersion, match="b'R' has version"):
            DailyCounters("reports", 0).restore(DAILY_COUNTERS + b"2026-09-04/DE/fraud", value)


def test_state_of_two_days_is_refused():
    counters = DailyCounters("reports", 0)
    counters.restore(b"R2026-09-04/DE/fraud", b"\x01\x90")
    with pytest.raises(ValueError, match="2026-09-05"):
        counters.restore(b"R2026-09-05/DE/fraud", b"\x01\x90")


def counted(report, *topics, late=False):
    counters = DailyCounters("reports", 0)
    led_to = [OutputRecord(topic, None, b"", b"", ()) for topic in topics]
    counters.count(START, "DE", report.category, daily_cell(report, led_to, late=late))
    (record,) = counters.drain(START).records
    (row,) = msgspec.json.decode(record.value, type=TransparencyCounter).reports
    return row


def report(kind, reporter):
    return MessageReport("r", kind, datetime.now(UTC), Channel("c", "public"), "fraud", reporter=reporter)


def test_the_cell_of_a_report():
    user = report("user_report", Reporter("user", "u1"))
    assert counted(user) == ReportCount("user", "user_report", False, False, False, 1)
    assert counted(user, late=True).late
    assert counted(user, "escalations", "escalations-shadow").escalated
    assert not counted(user, "escalations-shadow").escalated
    assert counted(report("user_report", None)).source == "anonymous"
    assert counted(report("user_report", Reporter("state_actor"))).source == "state_actor"
    assert counted(report("automated_detection", None)).automated
    assert counted(report("user_report", Reporter("automated"))).automated


@pytest.mark.parametrize("path", example_files("transparency-counters"), ids=name_of)
def test_an_example_is_a_valid_counter_with_its_key(path):
    shown = example(path)
    schema = json.loads((SCHEMAS / "json" / "transparency-counter.v1.json").read_text())
    Draft202012Validator(schema).validate(shown.document)
    counter = msgspec.json.decode(shown.value, type=TransparencyCounter)
    assert json.loads(encode(counter)) == shown.document
    place = "/".join((counter.date, counter.stage, str(counter.partition), counter.country, counter.category))
    own = [getattr(counter, name) for name in LISTS[3:]]
    if any(own):
        assert re.fullmatch(re.escape(place) + r"/\d{4}-\d\d-\d\d", shown.key)
    else:
        assert shown.key == place
    # What was taken back was counted before.
    counts = [row.count for row in (*counter.reports, *counter.requests, *counter.items, *chain(*own))]
    total = sum(counts) + 2 * sum(-count for count in counts if count < 0)
    assert dict(shown.headers)["ce_id"].decode() == f"{shown.key}/{total}"
    times = (*counter.action_times, *(row for row in counter.orders if row.seconds is not None))
    assert all(rounded_time(row.seconds) == row.seconds for row in times)


def test_examples_show_every_list():
    shown = [example(path).document for path in example_files("transparency-counters")]
    assert all(any(document.get(name) for document in shown) for name in LISTS)


OF_DECISION = ("decisions", "upheld", "law", True, False, False)
OTHER_DECISION = ("decisions", "dismissed", "law", True, False, False)


def test_a_day_of_its_own_is_counted_beside_the_current_one_and_taken_back():
    counters = DailyCounters("reports", 3)
    day = START // DAY
    counters.count(START + DAY, "DE", "fraud", OF_USER)
    counters.count_for(day, START + DAY, "DE", "fraud", OF_DECISION)
    counters.count_for(day + 1, START + DAY, "DE", "fraud", OTHER_DECISION)
    records = counters.drain(START + DAY).records
    assert [record.key for record in records] == [
        b"2026-09-05/reports/3/DE/fraud",
        b"2026-09-04/reports/3/DE/fraud/2026-09-05",
        b"2026-09-05/reports/3/DE/fraud/2026-09-05",
    ]
    assert [msgspec.json.decode(record.value)["date"] for record in records] == [
        "2026-09-05",
        "2026-09-04",
        "2026-09-05",
    ]
    # Two days later it is taken back: under another key, so the earlier total need not be known.
    counters.count_for(day, START + 3 * DAY, "DE", "fraud", OF_DECISION, -1)
    (record,) = counters.drain(START + 3 * DAY).records
    assert record.key == b"2026-09-04/reports/3/DE/fraud/2026-09-07"
    [row] = msgspec.json.decode(record.value, type=TransparencyCounter).decisions
    assert row.count == -1


def test_every_value_has_an_id_of_its_own_also_when_counts_are_taken_back():
    counters = DailyCounters("reports", 3)
    seen, state = [], {}
    for number in (1, -1, 1, -1, -1, 1):
        counters.count_for(START // DAY, START, "DE", "fraud", OF_DECISION, number)
        drained = counters.drain(START)
        seen += [dict(record.headers)["ce_id"] for record in drained.records]
        fold(state, drained.changes.items())
        counters = DailyCounters("reports", 3)
        for key, value in state.items():
            counters.restore(key, value)
    assert seen == [b"2026-09-04/reports/3/DE/fraud/2026-09-04/%d" % number for number in range(1, 7)]
    assert msgspec.json.decode(drained.records[0].value, type=TransparencyCounter).decisions == ()


def test_merged_partitions_add_up_what_is_of_the_last_day_of_counting():
    def stored(partition, time):
        counters = DailyCounters("reports", partition)
        counters.count_for(START // DAY, time, "DE", "fraud", OF_DECISION)
        counters.count_for(START // DAY, time, "DE", "fraud", OTHER_DECISION, -1)
        counters.count(time, "DE", "fraud", OF_USER)
        return Shared(partition, counters.drain(time).changes, frozenset())

    later = START + DAY
    merged = merge_counters(NewPartition(0, 2, 1_000), [stored(0, later), stored(2, later), stored(4, START)])
    restored = DailyCounters("reports", 0)
    for key, value in merged.items():
        restored.restore(key, value)
    again = restored.publish_again(later)
    assert {record.key for record in again} == {
        b"2026-09-05/reports/0/DE/fraud",
        b"2026-09-04/reports/0/DE/fraud/2026-09-05",
    }
    decisions = [msgspec.json.decode(record.value, type=TransparencyCounter).decisions for record in again]
    assert sorted(row.count for rows in decisions for row in rows) == [-2, 2]
    # Other numbers leave it alone.
    assert merge_counters(NewPartition(1, 2, 1_000), [stored(0, later)]) == {}
