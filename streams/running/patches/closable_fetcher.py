"""A fetcher that can be closed while its broker is away.

When aiokafka closes its fetcher it cancels the fetcher's requests and awaits them. A request that waits for
its next attempt raises the cancellation again, and the task that closes the consumer takes it for its own.
Faust's consumer thread then ends silently: a SIGTERM takes a minute, and a failed takeover ends without its
error.
"""

import asyncio

from aiokafka.consumer import fetcher


class ClosableFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, which ends its requests before it closes."""

    async def close(self) -> None:
        """End all requests, whatever they wait for, and close."""
        self._fetch_task.cancel()
        await asyncio.wait([self._fetch_task])
        for request in self._pending_tasks:
            request.cancel()
        await asyncio.gather(*self._pending_tasks, return_exceptions=True)
        self._pending_tasks.clear()
        await super().close()
