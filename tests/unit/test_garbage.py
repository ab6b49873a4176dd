"""Cyclic garbage is collected soon in an idle worker, and at the next rebalance in a busy one."""

import asyncio
import gc
import time
import weakref

import pytest

from streams.runtime import garbage
from streams.runtime.garbage import collect_regularly, leave_out_what_stays


class Node:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(garbage, "SECONDS_BETWEEN_LOOKS", 0.05)
    yield
    gc.unfreeze()
    gc.enable()


def left_in_a_cycle():
    return weakref.ref(Node())


async def for_a_while(busy):
    """Let the collector run some three times, while the loop is idle or always busy."""
    looking = asyncio.create_task(collect_regularly())
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        if busy:
            sum(range(10_000))
        await asyncio.sleep(0 if busy else 0.01)
    looking.cancel()


def test_an_idle_worker_collects(monkeypatch):
    monkeypatch.setattr(garbage, "BUSY", 1.0)
    leave_out_what_stays()
    left = left_in_a_cycle()
    assert left() is not None, "nothing is collected by counting allocations"
    asyncio.run(for_a_while(busy=False))
    assert left() is None


def test_a_busy_worker_waits_for_the_next_rebalance(monkeypatch):
    # Low, so that this holds on an overloaded machine too.
    monkeypatch.setattr(garbage, "BUSY", 0.01)
    leave_out_what_stays()
    left = left_in_a_cycle()
    asyncio.run(for_a_while(busy=True))
    assert left() is not None
    leave_out_what_stays()
    assert left() is None


def test_objects_that_are_alive_are_excluded():
    stays = [[] for _ in range(1_000)]
    leave_out_what_stays()
    assert gc.get_freeze_count() > len(stays)
    assert not gc.isenabled()
