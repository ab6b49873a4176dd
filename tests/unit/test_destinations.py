import asyncio
import time
from types import SimpleNamespace

import pytest

from streams.contract.wire.partitioner import home_partition
from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import DEAD_LETTERS, ENRICHED_REPORTS, REFUSALS
from streams.running.log import leftovers
from streams.running.log.destinations import FIRST_PAUSE, LONGEST_PAUSE, Troubles
from streams.running.log.leftovers import LeftOpen, Leftovers
from streams.running.log.log import Trouble
from streams.running.partitions.outputs import Outputs

A, B = ("eu.escalations", 0), ("eu.escalations", 1)


@pytest.fixture
def clock(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def rows(*sizes):
    return [(b"", bytes(size), []) for size in sizes]


def test_who_writes_to_a_destination_in_trouble_is_blocked():
    troubles = Troubles()
    troubles.note([Trouble(A, "no_leader")])
    assert troubles.blocking({A: rows(1), B: rows(1)}) == [A]
    assert troubles.blocking({B: rows(1)}) == []
    troubles.end([A])
    assert not troubles
    assert troubles.blocking({A: rows(1)}) == []


def test_a_destination_that_refuses_a_size_takes_smaller_records():
    troubles = Troubles()
    troubles.note([Trouble(A, "too_large", at_least=100)])
    assert troubles.blocking({A: rows(1, 99)}) == []
    assert troubles.blocking({A: rows(1, 100)}) == [A]


def test_what_metadata_do_not_show_is_tried_again_after_longer_and_longer_pauses(clock):
    troubles = Troubles()
    pauses = []
    for _ in range(8):
        troubles.note([Trouble(A, "refused", "NotEnoughReplicasError()"), Trouble(B, "no_leader")])
        began = clock[0]
        while A in troubles:
            clock[0] += 0.5
            troubles.end_pauses()
        pauses.append(clock[0] - began)
        # That one is over when a broker says so.
        assert B in troubles
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


@pytest.mark.parametrize("free", [DEAD_LETTERS, REFUSALS])
def test_what_nobody_reads_by_key_goes_to_a_partition_that_takes_records(free):
    key, partitions = b"any publisher chooses it", 3
    home = home_partition(key, partitions)

    async def count(_topic):
        return partitions

    def written_to(topic, *away):
        async def scenario():
            troubles = Troubles()
            troubles.note(Trouble((f"eu.{topic}", n), "no_leader") for n in away)
            outputs = Outputs(SimpleNamespace(prefix="eu.", troubles=troubles, partition_count=count), 0)
            await outputs.add([OutputRecord(topic, None, key, b"", [])])
            return [partition for _, partition in outputs.writes]

        return asyncio.run(scenario())

    next_one = (home + 1) % partitions
    assert written_to(free) == [home]
    assert written_to(free, home) == [next_one]
    assert written_to(free, home, next_one) == [(home + 2) % partitions]
    # Then its writer waits.
    assert written_to(free, 0, 1, 2) == [home]
    # Subscribers read other topics by key.
    assert written_to(ENRICHED_REPORTS, home) == [home]


class Producers:
    """Logs whose stable ends are `stable`; notes who marks what, and how."""

    def __init__(self, stable, end=20):
        self.stable, self.end_ = stable, end
        self.marked = []

    def producer(self, transactional_id):
        async def nothing():
            pass

        async def mark(destination, *, commits):
            self.marked.append((transactional_id, destination, commits))
            self.stable = self.end_

        return SimpleNamespace(start=nothing, stop=nothing, abandon=nothing, mark=mark)

    async def update_metadata(self):
        pass

    async def stable_ends(self, destinations):
        return {each: (self.stable, self.end_) for each in destinations}


@pytest.mark.parametrize(
    ("stable", "marked"),
    [
        # Where the last committed transaction began; where the one that failed did; nothing is open.
        (10, [("former", A, True)]),
        (15, [("former", A, False)]),
        (20, []),
    ],
)
def test_what_is_left_open_ends_as_it_was_decided(monkeypatch, stable, marked):
    monkeypatch.setattr(leftovers, "STANDSTILL_SECONDS", 0.0)

    async def scenario():
        brokers = Producers(stable)
        left = Leftovers(brokers)
        left.add("former", LeftOpen(((*A, 15),)))
        # Not before the log has a leader.
        assert await left.end(brokers, [A]) == set()
        for _ in range(4):
            open_still = await left.end(brokers, [])
        return brokers.marked, open_still, bool(left)

    assert asyncio.run(scenario()) == (marked, set(), False)
