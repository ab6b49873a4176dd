import asyncio
from types import SimpleNamespace

import pytest

from streams.running.app.intake import run_intake


class Cycle:
    """Notes what is handed over."""

    def __init__(self):
        self.handed = []

    async def hand_over(self, stage, event):
        self.handed.append((stage, event))


def stream_of(*items, then=None):
    """A stream of these events, which then awaits something."""

    async def events():
        for item in items:
            yield item
        if then is not None:
            await then()

    topic = SimpleNamespace(waiting=SimpleNamespace(room=asyncio.Event()))
    return SimpleNamespace(channel=topic, noack=lambda: SimpleNamespace(events=events))


async def never():
    await asyncio.sleep(60)


def test_what_a_stage_fetched_is_handed_over_and_the_queue_has_room_again():
    async def scenario():
        cycle, stream = Cycle(), stream_of("a", "b")
        await asyncio.wait_for(run_intake(stream, "reports", cycle, None), 5)
        return cycle.handed, stream.channel.waiting.room.is_set()

    assert asyncio.run(scenario()) == ([("reports", "a"), ("reports", "b")], True)


def test_an_error_of_the_work_is_the_error_of_the_agent():
    """Inside two task groups, whose own errors would say nothing of it."""

    async def fails():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(never())
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(asyncio.wait_for(run_intake(stream_of(then=never), "reports", Cycle(), fails), 5))


def test_the_work_ends_with_the_stream():
    asyncio.run(asyncio.wait_for(run_intake(stream_of("a"), "reports", Cycle(), never), 5))
