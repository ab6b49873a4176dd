"""Compatibility with the code before the layout changed.

Its state is taken over, and its logs replay to the same bytes.
"""

from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace

import orjson
import pytest
from aiokafka.partitioner import murmur2

from streams.partition.daily_counters import OWN_DAY_COUNTERS
from streams.partition.hash_key import DEMONSTRATION
from tests.fixtures import code_under_test
from tests.fixtures.comparison import (
    CLOCK,
    COUNTS,
    HASH_KEYS,
    SLASHES_WITH_OWN_DAY,
    as_refused_now,
    check_same,
    check_same_in_any_order,
    check_same_state,
    first_difference,
    state_without_texts,
    without_hashes,
    without_texts,
)
from tests.fixtures.recorded import RecordedTopics, compacted, load
from tests.unit.traffic import fold

REPORTS_OUTPUTS = ("enriched-reports", "escalations", "escalations-shadow")
ROUTING = "authority-routing"
DEAD_LETTERS = "dead-letters"
COUNTERS = "transparency-counters"
INTERNALS = ("message-reports-internal", "authority-requests-internal")
# Topics whose partitions have a single writer, and topics that several owners write to.
OWN = (*REPORTS_OUTPUTS, ROUTING)
SHARED = (DEAD_LETTERS, COUNTERS, *INTERNALS)

POSITION = b"Position"
# Start of the flood window in the record of a partition's time. The window counts dead letters and
# duplicates, and the order read from the outputs has neither.
TIME, TIME_BYTES = b"T", 29


@pytest.fixture(scope="module")
def recording():
    return load()


@pytest.fixture(scope="module")
def topics(recording):
    return RecordedTopics(recording)


@pytest.fixture(scope="module")
def stages(recording, tmp_path_factory):
    folder = recording.write_rules(tmp_path_factory.mktemp("rules"))
    return {stage.name: stage for stage in code_under_test.stages(folder)}


class Replay:
    """Applies recorded batches and collects their effects: outputs by place, changes of state by owner."""

    def __init__(self, recording, topics, stages):
        self.outputs = defaultdict(list)
        self.changes = defaultdict(list)
        self._recording, self._topics, self._stages = recording, topics, stages

    def restore(self, stage, partition, entries):
        return self._stages[stage].restore(partition, self._recording.partitions, entries)

    def apply(self, state, batch):
        name = self._recording.name
        records = [self._topics.at(name(topic), batch.partition, offset) for topic, offset in batch.records]
        self.take_in(batch.stage, batch.partition, self._stages[batch.stage].apply(state, records))

    def take_in(self, stage, partition, outcome):
        for topic, number, key, value, headers in outcome.outputs:
            # Of orders, which the recorded workers did not count.
            if topic == COUNTERS and key.count(b"/") == SLASHES_WITH_OWN_DAY:
                continue
            if number is None and key is None:
                number = partition % self._recording.partitions
            elif number is None:
                number = (murmur2(key) & 0x7FFFFFFF) % self._recording.partitions
            self.outputs[topic, number].append((key, value, tuple(headers)))
        # The recorded workers had no keys for reporters, and so no record about them; and did not count steps of orders.
        changes = {
            key: value
            for key, value in outcome.changes.items()
            if key[:1] not in (HASH_KEYS, OWN_DAY_COUNTERS)
        }
        self.changes[stage, partition].append(changes)


def owners(recording):
    return [(stage, n) for stage in ("reports", "requests") for n in range(recording.partitions)]


def written(recording, topics, topic, partition, start):
    """The records of a topic from an offset on, without ticks, because no input record leads to a tick."""
    return [
        (row.key, row.value, row.headers)
        for row in topics.rows[recording.name(topic)][partition]
        if row.offset >= start and not (topic in INTERNALS and ("ce_type", b"tocsin.tick.v1") in row.headers)
    ]


def transactions(recording, topics, stages, stage, partition, start=0) -> Iterator[tuple[int, dict]]:
    """Each transaction's changes of state, with its first offset. Its last record is the position."""
    first, changes = None, {}
    for row in topics.rows[recording.name(stages[stage].state_topic)][partition]:
        first = row.offset if first is None else first
        if row.key == POSITION:
            if first >= start:
                yield first, changes
            first, changes = None, {}
        else:
            changes[row.key] = row.value
    assert not changes


def old_state(recording, topics, stages, stage, partition, before):
    """The state that a takeover restores if the state topic ends at an offset."""
    entries = topics.latest(recording.name(stages[stage].state_topic), partition, before)
    entries.pop(POSITION, None)
    return entries.items()


def check_outputs(recording, topics, replay, start):
    """Compare the outputs of a replay with the recorded topics from the offsets in `start` on."""
    compared = 0
    for topic in (*OWN, *SHARED):
        for n in range(recording.partitions):
            expected = written(recording, topics, topic, n, start[topic][n])
            if topic == DEAD_LETTERS:
                expected = [as_refused_now(row) for row in expected]
            check = check_same if topic in OWN else check_same_in_any_order
            check(f"{topic} {n}", replay.outputs[topic, n], expected)
            compared += len(expected)
            if topic == COUNTERS:
                last = compacted((key, value) for key, value, _ in replay.outputs[topic, n])
                assert last == compacted((key, value) for key, value, _ in expected)
    return compared


def check_written(recording, topics, stages, replay, start):
    """Compare everything that a replay wrote with the recorded topics from the offsets in `start` on."""
    compared = check_outputs(recording, topics, replay, start)
    for stage, n in owners(recording):
        before = start[stages[stage].state_topic][n]
        expected = [changes for _, changes in transactions(recording, topics, stages, stage, n, before)]
        found = replay.changes[stage, n]
        assert len(found) == len(expected)
        for number, pair in enumerate(zip(found, expected, strict=True)):
            check_same_state(f"state of {stage} {n}, transaction {number}", *pair)
        compared += sum(map(len, expected))
    return compared


@pytest.mark.parametrize("mark", ["before", "between"])
def test_a_takeover_midway_applies_the_rest_to_the_same_bytes(recording, topics, stages, mark):
    start = getattr(recording, mark)
    replay = Replay(recording, topics, stages)
    states = {
        (stage, n): replay.restore(
            stage,
            n,
            old_state(recording, topics, stages, stage, n, start[stages[stage].state_topic][n]),
        )
        for stage, n in owners(recording)
    }
    for batch in recording.batches[getattr(recording, f"batches_{mark}") :]:
        replay.apply(states[batch.stage, batch.partition], batch)
    compared = check_written(recording, topics, stages, replay, start)
    assert compared > (1_000 if mark == "before" else 200)


@pytest.mark.parametrize("mark", ["before", "between"])
def test_the_first_key_for_reporters_changes_hashes_and_nothing_else(recording, topics, tmp_path, mark):
    """A reporter hashed without a key is recognised in their next report."""
    folder = recording.write_rules(tmp_path)
    stages = {stage.name: stage for stage in code_under_test.stages(folder, DEMONSTRATION)}
    start = getattr(recording, mark)
    replay = Replay(recording, topics, stages)
    before = {
        (stage, n): dict(old_state(recording, topics, stages, stage, n, start[stages[stage].state_topic][n]))
        for stage, n in owners(recording)
    }
    states = {owner: replay.restore(*owner, entries.items()) for owner, entries in before.items()}
    for batch in recording.batches[getattr(recording, f"batches_{mark}") :]:
        replay.apply(states[batch.stage, batch.partition], batch)
    assert check_outputs(recording, topics, replay, start) > (700 if mark == "before" else 100)
    moved = 0
    for owner, entries in before.items():
        for changes in replay.changes[owner]:
            fold(entries, changes)
        latest = topics.latest(recording.name(stages[owner[0]].state_topic), owner[1])
        del latest[POSITION]
        check_same_state(f"state of {owner}", without_hashes(entries), without_hashes(latest))
        moved += sum(entries[key] != latest[key] for key in entries if key[:1] == COUNTS)
    assert moved > (50 if mark == "before" else 10)


def test_a_takeover_before_each_batch_gives_the_same_bytes(recording, topics, stages):
    replay = Replay(recording, topics, stages)
    begins = {
        owner: [first for first, _ in transactions(recording, topics, stages, *owner)]
        for owner in owners(recording)
    }
    for batch in recording.batches:
        owner = batch.stage, batch.partition
        before = begins[owner].pop(0)
        state = replay.restore(*owner, old_state(recording, topics, stages, *owner, before))
        replay.apply(state, batch)
    nothing = {topic: [0] * recording.partitions for topic in recording.before}
    check_written(recording, topics, stages, replay, nothing)


def test_a_replay_from_the_start_gives_the_same_bytes(recording, topics, stages):
    replay = Replay(recording, topics, stages)
    states = {owner: replay.restore(*owner, ()) for owner in owners(recording)}
    for batch in recording.batches:
        replay.apply(states[batch.stage, batch.partition], batch)
    nothing = {topic: [0] * recording.partitions for topic in recording.before}
    compared = check_written(recording, topics, stages, replay, nothing)
    assert compared > 2_000


@pytest.mark.parametrize("stage", ["reports", "requests"])
def test_the_outputs_hold_the_order_of_application(recording, topics, stages, stage):
    deployment = SimpleNamespace(name=recording.name, partitions=recording.partitions)
    order_of = {"reports": code_under_test.order_of, "requests": code_under_test.order_of_requests}[stage]
    for n in range(recording.partitions):
        replay = Replay(recording, topics, stages)
        state = replay.restore(stage, n, ())
        records = order_of(deployment, topics, n)
        replay.take_in(stage, n, stages[stage].apply(state, records))
        for topic in REPORTS_OUTPUTS if stage == "reports" else (ROUTING,):
            check_same(f"{topic} {n}", replay.outputs[topic, n], written(recording, topics, topic, n, 0))
        kept = {key: value for key, value in replay.changes[stage, n][0].items() if value is not None}
        latest = topics.latest(recording.name(stages[stage].state_topic), n)
        del latest[POSITION]
        for view in (kept, latest):
            view[TIME] = view[TIME][:TIME_BYTES]
        check_same_state(f"state of {stage} {n}", kept, latest)
        counted = topics.latest(recording.name(COUNTERS), n)
        found = compacted((key, value) for key, value, _ in replay.outputs[COUNTERS, n])
        assert found
        assert found == {key: counted[key] for key in found}


def test_the_recording_covers_every_kind_of_event(recording, topics):
    def events(topic):
        rows = topics.rows[recording.name(topic)].values()
        return [orjson.loads(row.value) for partition in rows for row in partition]

    def headers(topic, name):
        rows = topics.rows[recording.name(topic)].values()
        return {dict(row.headers).get(name) for partition in rows for row in partition}

    for internal in INTERNALS:
        assert b"tocsin.tick.v1" in headers(internal, "ce_type")
        assert any(written(recording, topics, internal, n, 0) for n in range(recording.partitions))
    assert {(event["type"], event["reason"]) for event in events("escalations")} >= {
        ("opened", "threshold_crossed"),
        ("updated", "level_raised"),
        ("resolved", "cleared"),
        ("opened", "clock_armed"),
        ("updated", "clock_half"),
        ("updated", "clock_nine_tenths"),
        ("updated", "clock_lapsed"),
        ("resolved", "clock_fulfilled"),
        ("resolved", "clock_withdrawn"),
    }
    assert {event["type"] for event in events("escalations-shadow")} == {"opened", "updated", "resolved"}
    assert {event["decision"] for event in events(ROUTING)} == {"routed", "incomplete", "refused"}
    assert {event["reason"] for event in events(ROUTING)} >= {
        "judged",
        "clock_half",
        "clock_paused",
        "clock_resumed",
        "clock_fulfilled",
        "clock_withdrawn",
        "clock_lapsed",
    }
    assert len(headers(DEAD_LETTERS, "tocsin-reason")) >= 15
    assert any(event["not_counted_reason"] == "late" for event in events("enriched-reports"))
    assert 0 < recording.batches_before < recording.batches_between < len(recording.batches)


def test_a_difference_other_than_text_is_reported(recording, topics, stages):
    """The comparison can fail, and tolerates differences in texts alone."""
    row = next(row for row in topics.rows[recording.name("escalations")][0] if b'"routing"' in row.value)
    event = orjson.loads(row.value)

    def changed(**fields):
        return without_texts(row.key, orjson.dumps(event | fields), row.headers)

    old = changed()
    assert first_difference(changed(policy_reason="Said in other words."), old) is None
    assert first_difference(changed(reason="Cleared, in other words."), old).startswith("value.reason")
    assert first_difference(changed(level=9), old) == f"value.level is 9 instead of {event['level']}"
    entries = dict(old_state(recording, topics, stages, "reports", 0, None))
    key, value = next((key, value) for key, value in entries.items() if key[:1] == CLOCK)
    other = value.replace(b"true", b"null", 1)
    assert other != value
    difference = first_difference(state_without_texts(key, other), state_without_texts(key, value))
    assert difference.endswith(" is None instead of True")
