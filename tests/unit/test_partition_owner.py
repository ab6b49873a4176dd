import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.runtime import partition_owner
from streams.runtime.connection import Connection
from streams.runtime.observer import Observer
from streams.runtime.partition_owner import PartitionOwner
from streams.runtime.position import POSITION_KEY, SourcePosition, decode_position


@pytest.fixture
def owner():
    """Owns a partition of two topics, and cannot write."""
    stage = SimpleNamespace(name="count", state_topic="state")
    made = PartitionOwner(stage, Connection("127.0.0.1:1"), "", "unit", 3, Observer())
    made.position = {"in": SourcePosition(7, 4, 1_000), "in-internal": SourcePosition(9, 4, 1_000)}
    return made


def test_a_broker_that_restarts_while_markers_are_looked_for_does_not_cost_the_worker(owner, monkeypatch):
    async def away(*_):
        raise KafkaConnectionError

    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", away)
    before = dict(owner.position)
    asyncio.run(owner.step_over_markers())
    assert owner.position == before


def test_all_topics_of_a_partition_are_looked_at_together(owner, monkeypatch):
    asked = []

    async def nothing_follows(_connection, tp, next_offset):
        asked.append(tp)
        # Nobody is answered before all are asked.
        while len(asked) < 2:
            await asyncio.sleep(0)
        return next_offset

    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", nothing_follows)
    asyncio.run(asyncio.wait_for(owner.step_over_markers(), 5))
    assert {(tp.topic, tp.partition) for tp in asked} == {("in", 3), ("in-internal", 3)}


@pytest.fixture
def written(owner, monkeypatch):
    """What the owner writes, while nothing follows in its logs."""
    writes = []

    async def nothing_follows(_connection, _tp, next_offset):
        return next_offset

    async def write(_producer, destinations, _now):
        writes.append(destinations)

    monkeypatch.setattr(partition_owner, "end_if_nothing_follows", nothing_follows)
    monkeypatch.setattr(partition_owner, "write_transaction", write)
    owner._producer = object()
    return writes


def test_a_producer_that_has_nothing_to_write_is_used_before_the_brokers_forget_it(
    owner, written, monkeypatch
):
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
