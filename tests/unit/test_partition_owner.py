import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.runtime import partition_owner
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost
from streams.runtime.observer import Observer
from streams.runtime.partition_owner import PartitionOwner
from streams.runtime.patches.fetched_range import FetchedRange
from streams.runtime.position import POSITION_KEY, SourcePosition, decode_position


@pytest.fixture
def owner():
    """An owner of one partition of two topics, without a producer."""
    stage = SimpleNamespace(name="count", state_topic="state")
    made = PartitionOwner(stage, Connection("127.0.0.1:1"), "", "unit", 3, Observer())
    made.position = {"in": SourcePosition(7, 4, 1_000), "in-internal": SourcePosition(9, 4, 1_000)}
    return made


def test_a_broker_restart_during_the_search_for_markers_does_not_stop_the_worker(owner, monkeypatch):
    async def away(*_):
        raise KafkaConnectionError

    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", away)
    before = dict(owner.position)
    asyncio.run(owner.step_over_markers())
    assert owner.position == before


def test_all_topics_of_a_partition_are_requested_together(owner, monkeypatch):
    asked = []

    async def nothing_follows(_connection, tp, next_offset):
        asked.append(tp)
        # No request is answered before every request is sent.
        while len(asked) < 2:
            await asyncio.sleep(0)
        return next_offset

    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", nothing_follows)
    asyncio.run(asyncio.wait_for(owner.step_over_markers(), 5))
    assert {(tp.topic, tp.partition) for tp in asked} == {("in", 3), ("in-internal", 3)}


@pytest.fixture
def written(owner, monkeypatch):
    """The transactions that the owner writes. Its logs have no record after the position."""
    writes = []

    async def nothing_follows(_connection, _tp, next_offset):
        return next_offset

    async def write(_producer, destinations, _now):
        writes.append(destinations)

    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", nothing_follows)
    monkeypatch.setattr(partition_owner, "write_transaction", write)
    owner._producer = object()
    return writes


def test_an_idle_producer_writes_before_the_brokers_forget_it(owner, written, monkeypatch):
    asyncio.run(owner.step_over_markers())
    assert written == []
    now = owner._written_at + partition_owner.UNUSED_SECONDS + 1
    monkeypatch.setattr(partition_owner.time, "monotonic", lambda: now)
    before = dict(owner.position)
    asyncio.run(owner.step_over_markers())
    ((key, value, _headers),) = written[0]["state", 3]
    assert (key, decode_position(value)) == (POSITION_KEY, before)
    assert owner.position == before
    asyncio.run(owner.step_over_markers())
    assert len(written) == 1


@pytest.fixture
def applied(owner, written):
    """The offsets of `in` that the owner applied. Its position there is 7."""
    seen = []

    def apply(_state, records):
        seen.extend(record.offset for record in records)
        return SimpleNamespace(outputs=[], changes={})

    owner.stage = SimpleNamespace(name="count", state_topic="state", apply=apply)
    owner.state = None
    return seen


def fetched(begin, *offsets, end=None):
    """Fetched records with these offsets, as a range from `begin` to `end` (default: the last record)."""
    records = [SimpleNamespace(offset=offset, timestamp=1_000) for offset in offsets]
    return "in", FetchedRange(records, begin, offsets[-1] + 1 if end is None else end, 0)


def apply_each(owner, *ranges):
    for batch in ranges:
        asyncio.run(owner.apply([batch]))


def test_consecutive_ranges_are_applied(owner, applied):
    # A marker follows offset 8. An aborted transaction and compacted offsets precede 13.
    apply_each(owner, fetched(7, 7, 8, end=10), fetched(10, 13, 14))
    asyncio.run(owner.apply([fetched(15, 15), fetched(16, 17, end=19), fetched(19, 19)]))
    assert applied == [7, 8, 13, 14, 15, 17, 19]
    assert owner.position["in"].next_offset == 20


def test_records_that_are_fetched_again_are_skipped(owner, applied):
    # A seek goes to the position, which is before a marker. A fetch may begin even earlier.
    apply_each(
        owner, fetched(7, 7, 8, end=10), fetched(7, 7, 8, end=10), fetched(9, 10), fetched(5, 5, 10, 11)
    )
    assert applied == [7, 8, 10, 11]


@pytest.mark.parametrize(
    "ranges",
    [
        [fetched(8, 8)],
        [fetched(7, 7, 8), fetched(10, 10)],
        # The missing records followed a marker.
        [fetched(7, 7, 8, end=10), fetched(11, 11)],
        # A repeated range counts only up to its own end.
        [fetched(7, 7, 8, end=10), fetched(7, 7), fetched(12, 12)],
    ],
)
def test_a_gap_is_refused(owner, applied, written, ranges):
    *before, last = ranges
    apply_each(owner, *before)
    done, writes, position = list(applied), len(written), dict(owner.position)
    expected = max([7, *(records.end for _, records in before)])
    with pytest.raises(
        OwnershipLost, match=f"in partition 3: .* begins at offset {last[1].begin}, .* apply is {expected}[.]"
    ):
        asyncio.run(owner.apply([last]))
    assert (applied, len(written), owner.position) == (done, writes, position)


def test_a_gap_within_a_cycle_is_refused(owner, applied, written):
    with pytest.raises(OwnershipLost, match="begins at offset 10, but the next offset to apply is 9[.]"):
        asyncio.run(owner.apply([fetched(7, 7, 8), fetched(10, 10)]))
    assert (applied, written) == ([], [])


def test_a_range_may_begin_after_markers_that_were_stepped_over(owner, applied, monkeypatch):
    async def nothing_up_to_12(_connection, tp, next_offset):
        return 12 if tp.topic == "in" else next_offset

    apply_each(owner, fetched(7, 7, 8))
    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", nothing_up_to_12)
    asyncio.run(owner.step_over_markers())
    # A seek goes past the markers. Without a seek the markers are added to the next range.
    apply_each(owner, fetched(12, 12), fetched(9, 13))
    assert applied == [7, 8, 12, 13]
