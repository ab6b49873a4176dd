"""Cyclic garbage is collected promptly in an idle worker, and some time after a takeover in a busy one."""

import asyncio
import gc
import time
import weakref

import pytest

from streams.running.app import garbage_collection as garbage
from streams.running.app.garbage_collection import GarbageCollection, leave_out_what_stays


class Node:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def restored_collector(monkeypatch):
    monkeypatch.setattr(garbage, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(garbage, "SETTLING_SECONDS", 3600.0)
    yield
    gc.unfreeze()
    gc.enable()


def cyclic_garbage():
    return weakref.ref(Node())


async def collect_for_a_while(collection, busy):
    """Let the collector check about three times while the loop is idle or constantly busy.

    By turns or by processor time: an overloaded machine lets any other time pass in one turn.
    """
    looking = asyncio.create_task(collection.run())
    if busy:
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            await asyncio.sleep(0)
    else:
        for _ in range(20):
            await asyncio.sleep(0.01)
    looking.cancel()


def test_an_idle_worker_collects_garbage(monkeypatch):
    monkeypatch.setattr(garbage, "BUSY", 1.0)
    collection = GarbageCollection()
    collection.taken_over()
    left = cyclic_garbage()
    assert left() is not None, "allocations must not trigger a collection"
    asyncio.run(collect_for_a_while(collection, busy=False))
    assert left() is None


@pytest.mark.parametrize("latest", [3600.0, 0.0])
def test_a_busy_worker_collects_garbage_some_time_after_a_takeover(monkeypatch, latest):
    # None, because an overloaded machine must not make the loop look idle.
    monkeypatch.setattr(garbage, "BUSY", 0.0)
    monkeypatch.setattr(garbage, "SETTLING_SECONDS", 0.0)
    monkeypatch.setattr(garbage, "LATEST_SECONDS", latest)
    left = cyclic_garbage()
    collection = GarbageCollection()
    collection.taken_over()
    assert left() is not None, "a takeover waits for no collection"
    asyncio.run(collect_for_a_while(collection, busy=True))
    assert (left() is None) == (latest == 0.0)


def test_the_state_of_released_partitions_is_freed_once_an_idle_worker_has_settled(monkeypatch):
    monkeypatch.setattr(garbage, "BUSY", 1.0)
    collection, left = GarbageCollection(), cyclic_garbage()
    # It was state, so it is in no young generation.
    gc.freeze()
    collection.taken_over()
    asyncio.run(collect_for_a_while(collection, busy=False))
    assert left() is not None
    monkeypatch.setattr(garbage, "SETTLING_SECONDS", 0.0)
    collection.taken_over()
    asyncio.run(collect_for_a_while(collection, busy=False))
    assert left() is None


def test_live_objects_are_excluded_from_collection():
    stays = [[] for _ in range(1_000)]
    GarbageCollection().taken_over()
    assert gc.get_freeze_count() > len(stays)
    assert not gc.isenabled()
