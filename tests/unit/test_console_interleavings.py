"""The read model is a function of the logs: not of the order in which topics and partitions are read, nor of
batches.
"""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.desk.console.read_model import database
from streams.desk.console.read_model.apply import HANDLERS
from tests.unit.console_acts import PEOPLE, act, act_record
from tests.unit.console_world import (
    Reading,
    cases,
    interleaved,
    logs_of,
    tables,
    written_by_people,
    written_by_workers,
)
from tests.unit.crowd_traffic import outcome
from tests.unit.traffic import START, Record


@pytest.fixture
def readings(tmp_path):
    """Makes read models, and closes them."""
    made = []

    def new():
        made.append(Reading(tmp_path / f"{len(made)}.sqlite"))
        return made[-1]

    yield new
    for each in made:
        each.close()


@pytest.mark.slow
@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=40)
def test_any_interleaving_in_any_batches_gives_equal_tables(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("read-models")
    chance = random.Random(seed)
    logs = logs_of([*written_by_workers(), *written_by_people(chance, 30)])
    plain, mixed = Reading(folder / "plain.sqlite"), Reading(folder / "mixed.sqlite")
    try:
        for log in logs.values():
            plain.apply(log)
        for batch in interleaved(chance, logs):
            mixed.apply(batch)
        expected, found = tables(plain.writer), tables(mixed.writer)
        for name in expected:
            assert found[name] == expected[name], name
    finally:
        plain.close()
        mixed.close()


def test_the_worlds_of_these_tests_hold_everything_that_matters(readings):
    seen = Counter()
    for seed in range(20):
        reading = readings()
        for log in logs_of([*written_by_workers(), *written_by_people(random.Random(seed), 30)]).values():
            reading.apply(log)
        rows = tables(reading.writer)
        seen.update(name for name, found in rows.items() if found)
        seen.update(str(refused) for (refused,) in reading.writer.execute("SELECT refused FROM act"))
        seen.update(state for (state,) in reading.writer.execute("SELECT state FROM desk_row"))
        seen["unreadable"] += reading.unreadable
    names = tables(reading.writer).keys()
    states = ("open", "proposed", "decided", "resolved")
    refusals = (
        "another_act_came_first",
        "claimed_by_another",
        "sent_before",
        "supersedes_nothing",
        "already_decided",
    )
    assert not [each for each in (*names, *states, *refusals, "None", "unreadable") if not seen[each]]


def test_an_act_in_another_partition_is_placed_by_its_append_time(readings):
    (escalation, channel), *_ = cases()
    fields = {"escalation_id": escalation, "channel_ref": channel}
    late = act_record(act(1, "decided", PEOPLE[0], 0, **fields), 0, partition=0, appended=START + 10)
    early = act_record(act(2, "decided", PEOPLE[1], 0, **fields), 0, partition=1, appended=START + 5)
    for records in ([late, early], [early, late]):
        reading = readings()
        for record in records:
            reading.apply([record])
        verdicts = dict(reading.writer.execute("SELECT activity_id, refused FROM act").fetchall())
        assert verdicts == {"a1": "another_act_came_first", "a2": None}
        assert reading.writer.execute("SELECT activity_id FROM decision").fetchall() == [("a2",)]


def test_an_outcome_that_turns_out_to_be_the_second_one_decides_nothing(readings):
    reading = readings()
    reading.apply(written_by_workers())
    (first, channel), (second, other), *_ = cases()
    said = [
        outcome(1, "dismissed", START, {"kind": "escalation", "escalation_id": case}, channel=where)
        for case, where in ((first, channel), (second, other))
    ]

    def decided():
        return {
            row[0]
            for row in reading.writer.execute("SELECT escalation_id FROM desk_row WHERE state = 'decided'")
        }

    reading.apply([said[0]._replace(partition=1)])
    assert decided() == {first}
    changes = reading.apply([said[1]._replace(partition=0)])
    assert decided() == {second}
    assert {first, second} <= changes.escalations


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"value": 1}', b"null", b"7" * 10_000]
)
def test_what_cannot_be_read_is_skipped_and_counted(readings, value):
    reading = readings()
    records = [Record(topic, 0, 0, START, b"k", value) for topic in HANDLERS]
    reading.apply([*records, *written_by_workers()])
    # A deletion of a compacted topic is no nonsense.
    deletions = 1 if value is None else 0
    assert reading.unreadable == len(HANDLERS) - deletions
    assert tables(reading.writer)["desk_row"]


STRANGE = st.sampled_from(
    ["", "x", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", 1 << 70, -1, None, [], {}, 1e300, "\ud800"]
)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=100)
def test_whatever_a_publisher_writes_no_record_stops_the_console(tmp_path_factory, data):
    reading = Reading(tmp_path_factory.mktemp("read-model") / "console.sqlite")
    try:
        for number in range(3):
            record = data.draw(st.sampled_from(written_by_workers()))
            document = json.loads(record.value)
            place = document
            while True:
                name = data.draw(st.sampled_from(sorted(place)))
                if not isinstance(place[name], dict) or not place[name] or data.draw(st.booleans()):
                    break
                place = place[name]
            place[name] = data.draw(STRANGE)
            reading.apply([record._replace(offset=number, value=json.dumps(document).encode())])
        reading.apply(written_by_workers())
    finally:
        reading.close()


def test_a_record_that_fails_halfway_leaves_nothing_behind(readings):
    reading = readings()
    event = json.loads(next(each.value for each in written_by_workers() if b'"clock_id"' in each.value))
    event["clock"]["due_at"] = "soon"
    reading.apply([Record("escalations", 0, 0, START, b"c", json.dumps(event).encode())])
    assert reading.unreadable == 1
    assert not any(tables(reading.writer).values())


def test_a_file_of_another_schema_is_emptied(tmp_path, monkeypatch):
    path = tmp_path / "console.sqlite"
    reading = Reading(path)
    reading.apply(written_by_workers())
    reading.writer.execute("INSERT INTO place VALUES ('t', 0, 7)")
    before = tables(reading.writer)
    reading.close()
    again = Reading(path)
    assert tables(again.writer) == before
    assert again.writer.execute("SELECT next_offset FROM place").fetchone() == (7,)
    again.close()
    monkeypatch.setattr(database, "_VERSION", database._VERSION ^ 1)
    changed = Reading(path)
    assert not any(tables(changed.writer).values())
    assert changed.writer.execute("SELECT count(*) FROM place").fetchone() == (0,)
    changed.apply(written_by_workers())
    assert tables(changed.writer) == before
    changed.close()
