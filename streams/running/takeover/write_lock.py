"""The lock of changing what this process owns, and of writing."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class WriteLock:
    """A lock, held while owners change and while anything is written.

    A cycle may leave its transaction under way, for the next cycle to apply records meanwhile. Another task
    that takes it first waits for the end of that transaction, and gets its error if it did not commit.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._under_way: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            await self.written()
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()

    @asynccontextmanager
    async def of_a_cycle(self) -> AsyncIterator[None]:
        """Take the lock without waiting for the transaction that is under way."""
        async with self._lock:
            yield

    def leave_under_way(self, writing: Coroutine[Any, Any, None]) -> None:
        """Start to write, after `written`."""
        self._under_way = asyncio.create_task(writing)

    async def written(self) -> None:
        """Wait for the end of the transaction that is under way.

        Raises what writing raised, to everybody who waits.
        """
        under_way = self._under_way
        if under_way is not None:
            await asyncio.shield(under_way)
            if self._under_way is under_way:
                self._under_way = None
