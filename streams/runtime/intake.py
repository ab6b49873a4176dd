"""The body of a stage's agent."""

from typing import Any

from streams.runtime.cycle import Cycle
from streams.runtime.patches.batch_topic import BatchTopic


async def run_intake(stream: Any, stage: str, cycle: Cycle) -> None:
    """Hand what the stage fetched over to the cycle, until the stream ends."""
    # The stream's topic: Faust gives an agent a clone of the topic that it was defined with.
    topic: BatchTopic = stream.channel
    async for event in stream.noack().events():
        topic.waiting.room.set()
        await cycle.hand_over(stage, event)
