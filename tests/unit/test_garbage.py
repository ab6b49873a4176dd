"""Cyclic garbage is collected promptly in an idle worker, and at the next rebalance in a busy one."""

import asyncio
import gc
import time
import weakref

import pytest

from streams.running.app import garbage_collection as garbage
from streams.running.app.garbage_collection import collect_regularly, leave_out_what_stays


class Node:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def restored_collector(monkeypatch):
    monkeypatch.setattr(garbage, "SECONDS_BETWEEN_LOOKS", 0.05)
    yield
    gc.unfreeze()
    gc.enable()


def cyclic_garbage():
    return weakref.ref(Node())


async def collect_for_a_while(busy):
    """Let the collector check about three times while the loop is idle or constantly busy."""
    looking = asyncio.create_task(collect_regularly())
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        if busy:
            sum(range(10_000))
        await asyncio.sleep(0 if busy else 0.01)
    looking.cancel()


def test_an_idle_worker_collects_garbage(monkeypatch):
    monkeypatch.setattr(garbage, "BUSY", 1.0)
    leave_out_what_stays()
    left = cyclic_garbage()
    assert left() is not None, "allocations must not trigger a collection"
    asyncio.run(collect_for_a_while(busy=False))
    assert left() is None


def test_a_busy_worker_collects_garbage_at_the_next_rebalance(monkeypatch):
    # Low, because an overloaded machine must not make the loop look idle.
    monkeypatch.setattr(garbage, "BUSY", 0.01)
    leave_out_what_stays()
    left = cyclic_garbage()
    asyncio.run(collect_for_a_while(busy=True))
    assert left() is not None
    leave_out_what_stays()
    assert left() is None


def test_live_objects_are_excluded_from_collection():
    stays = [[] for _ in range(1_000)]
    leave_out_what_stays()
    assert gc.get_freeze_count() > len(stays)
    assert not gc.isenabled()
