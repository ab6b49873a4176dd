"""Deliveries of fetched messages, over at once or not."""

import asyncio
from types import SimpleNamespace

import pytest

from streams.running.patches.delivery import Delivery
from streams.running.patches.positioned_consumer import PositionedConsumer


async def deliver(room: asyncio.Event, delivered: list[str]) -> None:
    if not room.is_set():
        await room.wait()
        await asyncio.sleep(0)
    delivered.append("it")


def test_a_delivery_that_waits_for_nothing_is_over_at_once() -> None:
    async def scenario() -> None:
        room, delivered = asyncio.Event(), []
        room.set()
        one = Delivery(deliver(room, delivered))
        assert one.is_over and delivered == ["it"]
        await one
        assert delivered == ["it"]

    asyncio.run(scenario())


def test_a_delivery_that_waits_goes_on_in_a_task() -> None:
    async def scenario() -> None:
        room, delivered = asyncio.Event(), []
        one = Delivery(deliver(room, delivered))
        assert not one.is_over and not delivered
        task = asyncio.ensure_future(one)
        await asyncio.sleep(0)
        room.set()
        await task
        assert delivered == ["it"]

    asyncio.run(scenario())


def test_a_delivery_that_is_cancelled_delivers_nothing() -> None:
    async def scenario() -> None:
        room, delivered = asyncio.Event(), []
        task = asyncio.ensure_future(Delivery(deliver(room, delivered)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        room.set()
        await asyncio.sleep(0)
        assert not delivered

    asyncio.run(scenario())


def test_a_delivery_raises_what_its_first_step_raises() -> None:
    async def fails() -> None:
        raise KeyError("partition")

    with pytest.raises(KeyError, match="partition"):
        Delivery(fails())


def test_faust_waits_for_a_delivery_that_is_over_without_a_task() -> None:
    async def scenario() -> None:
        room = asyncio.Event()
        room.set()
        one = Delivery(deliver(room, []))
        consumer = SimpleNamespace(should_stop=False)
        before = len(asyncio.all_tasks())
        waiting = PositionedConsumer.wait_first(consumer, one, asyncio.Event().wait())
        with pytest.raises(StopIteration) as end:
            waiting.send(None)
        assert end.value.value.done == [one] and not end.value.value.stopped
        assert len(asyncio.all_tasks()) == before

    asyncio.run(scenario())
