"""A Faust topic that holds fetches back while enough bytes wait for the agents."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import faust

from streams.running.cycle.batches import batch_bytes
from streams.running.log.memory import MAX_QUEUED_BYTES


class Waiting:
    """What waits for the agents of an app. Set `room` after taking from any of their queues."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self._topics: WeakSet[BatchTopic] = WeakSet()

    def add(self, topic: "BatchTopic") -> None:
        """Count what waits in the queue of `topic`."""
        self._topics.add(topic)

    def has_queued(self) -> bool:
        """Whether a batch is in one of the queues."""
        return any(not topic._queue.empty() for topic in self._topics if topic._queue is not None)

    def queued_bytes(self) -> int:
        """Approximate memory of all batches in the queues.

        Summed each time. A running total would drift, because a rebalance empties the queues without telling
        us.
        """
        return sum(queued_bytes(topic._queue) for topic in self._topics if topic._queue is not None)


_waiting: WeakKeyDictionary[Any, Waiting] = WeakKeyDictionary()


def waiting_of(app: Any) -> Waiting:
    """What waits for the agents of an app."""
    return _waiting.setdefault(app, Waiting())


class BatchTopic(faust.Topic):
    """A topic whose fetches wait while more than MAX_QUEUED_BYTES are queued for the agents of its app.

    Faust's own back-pressure counts events, but one of our events may be thousands of records; it also sleeps
    for a whole second when every partition is full.
    """

    def _compile_decode(self) -> None:
        super()._compile_decode()
        decode: Callable[..., Awaitable[Any]] = self.decode
        waiting = self.waiting = waiting_of(self.app)
        waiting.add(self)

        async def decode_when_there_is_room(message: Any, *, propagate: bool = False) -> Any:
            while waiting.queued_bytes() > MAX_QUEUED_BYTES:
                waiting.room.clear()
                await waiting.room.wait()
            return await decode(message, propagate=propagate)

        self.decode = decode_when_there_is_room  # type: ignore[method-assign]


def queued_bytes(queue: asyncio.Queue[Any]) -> int:
    """Approximate memory of all batches in an agent's queue."""
    waiting: Iterable[Any] = queue._queue  # type: ignore[attr-defined]
    return sum(batch_bytes(event) for event in waiting)
