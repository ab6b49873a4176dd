"""What is left in cycles goes soon in a worker with time, and when partitions move in a busy one."""

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
    """Let the collector look some three times, while the loop does nothing or nothing but work."""
    looking = asyncio.create_task(collect_regularly())
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        if busy:
            sum(range(10_000))
        await asyncio.sleep(0 if busy else 0.01)
    looking.cancel()


def test_a_worker_with_time_collects(monkeypatch):
    monkeypatch.setattr(garbage, "BUSY", 1.0)
    leave_out_what_stays()
    left = left_in_a_cycle()
    assert left() is not None, "nothing is collected by counting allocations"
    asyncio.run(for_a_while(busy=False))
    assert left() is None


def test_a_busy_worker_puts_it_off_until_partitions_move(monkeypatch):
    # Also on a machine that leaves this thread little of a core.
    monkeypatch.setattr(garbage, "BUSY", 0.01)
    leave_out_what_stays()
    left = left_in_a_cycle()
    asyncio.run(for_a_while(busy=True))
    assert left() is not None
    leave_out_what_stays()
    assert left() is None


def test_what_stays_is_not_looked_through():
    stays = [[] for _ in range(1_000)]
    leave_out_what_stays()
    assert gc.get_freeze_count() > len(stays)
    assert not gc.isenabled()
