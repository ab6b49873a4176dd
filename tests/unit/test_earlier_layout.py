"""Compatibility with the code before the layout changed.

Its state is taken over, and its logs replay to the same bytes.
"""

from types import SimpleNamespace

import orjson
import pytest

from streams.deciding.partition.hash_key import DEMONSTRATION
from tests.fixtures import code_under_test
from tests.fixtures.comparison import CLOCK, first_difference
from tests.fixtures.coverage import check_covers_every_kind
from tests.fixtures.differences import COUNTS, EARLIER_LAYOUT, reporters_of, without_hashes
from tests.fixtures.recorded import compacted, load_earlier_layout
from tests.fixtures.replay import (
    COUNTERS,
    REPORTS_OUTPUTS,
    ROUTING,
    Past,
    Replay,
)
from tests.unit.traffic import fold

# Start of the flood window in the record of a partition's time. The window counts dead letters and
# duplicates, and the order read from the outputs has neither.
TIME, TIME_BYTES = b"T", 29


@pytest.fixture(scope="module")
def recording():
    return load_earlier_layout()


@pytest.fixture(scope="module")
def past(recording, tmp_path_factory):
    folder = recording.write_rules(tmp_path_factory.mktemp("rules"))
    return Past(recording, code_under_test.stages(folder), EARLIER_LAYOUT)


@pytest.mark.parametrize("mark", ["before", "between"])
def test_a_takeover_midway_applies_the_rest_to_the_same_bytes(past, mark):
    replay, start = past.taken_over(mark), getattr(past.recording, mark)
    assert past.check_written(replay, start) > (1_000 if mark == "before" else 200)
    past.check_ids(replay, start, len)


@pytest.mark.parametrize("mark", ["before", "between"])
def test_the_first_key_for_reporters_changes_hashes_and_nothing_else(recording, tmp_path, mark):
    """A reporter hashed without a key is recognised in their next report."""
    folder = recording.write_rules(tmp_path)
    past = Past(recording, code_under_test.stages(folder, DEMONSTRATION), EARLIER_LAYOUT)
    start = getattr(recording, mark)
    replay = past.taken_over(mark)
    assert past.check_outputs(replay, start) > (700 if mark == "before" else 100)
    moved = 0
    for owner in past.owners:
        entries, latest = past.stored_at(owner, start), past.stored(owner)
        for changes in replay.changes[owner]:
            fold(entries, changes)
        past.comparison.check_state(f"state of {owner}", without_hashes(entries), without_hashes(latest))
        moved += sum(
            reporters_of(entries[key]) != reporters_of(latest[key]) for key in entries if key[:1] == COUNTS
        )
    assert moved > (50 if mark == "before" else 10)


def test_a_takeover_before_each_batch_gives_the_same_bytes(past):
    past.check_written(past.taken_over_before_each_batch(), past.nothing)


def test_a_replay_from_the_start_gives_the_same_bytes(past):
    replay = past.replayed()
    assert past.check_written(replay, past.nothing) > 2_000
    # Hashes have come to hold the channel, so that nobody can suppress another channel's report.
    past.check_ids(replay, past.nothing, len)


@pytest.mark.parametrize("stage", ["reports", "requests"])
def test_the_outputs_hold_the_order_of_application(recording, past, stage):
    deployment = SimpleNamespace(name=recording.name, partitions=recording.partitions)
    order_of = {"reports": code_under_test.order_of, "requests": code_under_test.order_of_requests}[stage]
    for n in range(recording.partitions):
        owner = stage, n
        replay = Replay(past)
        state = past.restore(owner)
        records = order_of(deployment, past.topics, n)
        replay.take_in(*owner, past.stages[stage].apply(state, records))
        for topic in REPORTS_OUTPUTS if stage == "reports" else (ROUTING,):
            past.comparison.check(topic, n, replay.outputs[topic, n], past.written(topic, n), in_order=True)
        kept = {key: value for key, value in replay.changes[owner][0].items() if value is not None}
        latest = past.stored(owner)
        for view in (kept, latest):
            view[TIME] = view[TIME][:TIME_BYTES]
        past.comparison.check_state(f"state of {owner}", kept, latest)
        counted = past.topics.latest(recording.name(COUNTERS), n)
        recorded = [(key, value, ()) for key, value in counted.items()]
        ours, theirs = past.comparison.sides(COUNTERS, replay.outputs[COUNTERS, n], recorded)
        found = compacted((key, value) for key, value, _ in ours)
        expected = compacted((key, value) for key, value, _ in theirs)
        assert found
        assert found == {key: expected[key] for key in found}


def test_the_recording_covers_every_kind_of_event(past):
    check_covers_every_kind(past)


def test_a_difference_other_than_text_is_reported(recording, past):
    """The comparison can fail, and tolerates differences in texts alone."""
    rows = past.topics.rows[recording.name("escalations")][0]
    row = next(row for row in rows if b'"routing"' in row.value)
    event = orjson.loads(row.value)

    def changed(**fields):
        return past.comparison.compared("escalations", (row.key, orjson.dumps(event | fields), row.headers))

    old = changed()
    assert first_difference(changed(policy_reason="Said in other words."), old) is None
    assert first_difference(changed(reason="Cleared, in other words."), old).startswith("value.reason")
    assert first_difference(changed(level=9), old) == f"value.level is 9 instead of {event['level']}"
    entries = past.stored(("reports", 0))
    key, value = next((key, value) for key, value in entries.items() if key[:1] == CLOCK)
    other = value.replace(b"true", b"null", 1)
    assert other != value
    difference = first_difference(
        past.comparison.compared_state(key, other), past.comparison.compared_state(key, value)
    )
    assert difference.endswith(" is None instead of True")
