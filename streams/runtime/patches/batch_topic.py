"""A Faust topic that holds fetches back while enough bytes wait for the agent."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import faust

from streams.runtime.batches import batch_bytes

# Bytes that may wait for the agent: 40,000 reports of 400 bytes. Twice the size of a cycle keeps the agent
# busy while the next fetch is on its way. The limit is in bytes because 40,000 records of the largest size
# would be 40 GB.
MAX_QUEUED_BYTES = 40_000_000


class BatchTopic(faust.Topic):
    """A topic whose fetches wait while more than MAX_QUEUED_BYTES are queued. Set `room` after taking from the queue.

    Faust's own back-pressure counts events, but one of our events may be thousands of records; it also sleeps
    for a whole second when every partition is full. The bytes are summed over the queue at each check. A
    running total would drift, because a rebalance empties the queue without telling us.
    """

    def _compile_decode(self) -> None:
        super()._compile_decode()
        decode: Callable[..., Awaitable[Any]] = self.decode
        self.room = asyncio.Event()

        async def decode_when_there_is_room(message: Any, *, propagate: bool = False) -> Any:
            while queued_bytes(self.queue) > MAX_QUEUED_BYTES:
                self.room.clear()
                await self.room.wait()
            return await decode(message, propagate=propagate)

        self.decode = decode_when_there_is_room  # type: ignore[method-assign]


def queued_bytes(queue: asyncio.Queue[Any]) -> int:
    """Approximate memory of all batches in an agent's queue."""
    waiting: Iterable[Any] = queue._queue  # type: ignore[attr-defined]
    return sum(batch_bytes(event) for event in waiting)
