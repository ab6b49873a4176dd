"""The body of a stage's agent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streams.running.cycle.cycle import Cycle
from streams.running.patches.batch_topic import BatchTopic


async def run_intake(
    stream: Any, stage: str, cycle: Cycle, work: Callable[[], Awaitable[None]] | None
) -> None:
    """Hand what the stage fetched over to the cycle, until the stream ends.

    Any exception must stop the worker. `work` runs meanwhile. One agent of the process has it: Faust reports
    errors of agents, and hides those of other tasks behind the cancellation of the agents.
    """
    # The stream's topic: Faust gives an agent a clone of the topic that it was defined with.
    topic: BatchTopic = stream.channel
    try:
        async with asyncio.TaskGroup() as tasks:
            working = None if work is None else tasks.create_task(_awaited(work))
            async for event in stream.noack().events():
                topic.waiting.room.set()
                await cycle.hand_over(stage, event)
            if working is not None:
                working.cancel()
    except BaseExceptionGroup as group:
        # The log is clearer with the first error alone; the groups only add which tasks were running.
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()
