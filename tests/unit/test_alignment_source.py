"""What is kept of sources that wait for others: in order, and within limits."""

from types import SimpleNamespace

import pytest

from streams.running.alignment.arrival import Arrival
from streams.running.alignment.source import Source, drop_beyond
from streams.running.log.claims import StatePartition
from streams.running.patches.fetched_range import FetchedRange

PLACE = StatePartition("reports", 0)


def source(frontier: int | None = None) -> Source:
    made = Source(PLACE, "message-reports", 0)
    if frontier is not None:
        made.reach(frontier)
    return made


def arrival(begin: int, end: int, size: int = 100) -> Arrival:
    return Arrival(PLACE, "message-reports", FetchedRange([], begin, end, size), size)


def test_records_are_kept_one_range_after_the_other() -> None:
    waits = source()
    assert waits.keep(arrival(7, 9), 7)
    # Fetched twice in part, after a seek.
    assert waits.keep(arrival(8, 12), 7)
    assert waits.waits()
    assert [each.records.begin for each in waits.take()] == [7, 8]
    assert not waits.waits()


@pytest.mark.parametrize("kept", [True, False])
def test_what_follows_dropped_records_is_not_kept(kept: bool) -> None:
    """It was fetched before them again: applied without them, they would be lost."""
    waits = source()
    if kept:
        assert waits.keep(arrival(7, 9), 7)
    assert not waits.keep(arrival(12, 13), 7)
    assert len(waits.kept) == kept


def test_beyond_the_limit_the_sources_furthest_ahead_are_dropped() -> None:
    sources = [source(frontier) for frontier in (30, 10, 20)]
    for each in sources:
        each.keep(arrival(0, 5, 60), 0)
    drop_beyond(sources, 125)
    assert [bool(each.kept) for each in sources] == [False, True, True]
    drop_beyond(sources, 100)
    assert [bool(each.kept) for each in sources] == [False, True, False]
    # The last one stays: it is what the others wait for.
    drop_beyond(sources, 10)
    assert [bool(each.kept) for each in sources] == [False, True, False]


def test_a_record_at_the_head_counts_as_reached_but_not_as_read() -> None:
    waits = source(100)
    waits.stop(5_000)
    assert (waits.frontier, waits.read, waits.ahead) == (5_000, 100, 5_000)
    waits.reach(5_000)
    assert (waits.frontier, waits.read, waits.ahead) == (5_000, 5_000, None)
    waits.reach(4_000)
    assert waits.frontier == 5_000


def test_an_arrival_is_acknowledged_once() -> None:
    acked = []
    event = SimpleNamespace(ack=lambda: acked.append(1))
    came = arrival(0, 1)._replace(event=event)
    came.acknowledge()
    came._replace(event=None).acknowledge()
    assert acked == [1]
