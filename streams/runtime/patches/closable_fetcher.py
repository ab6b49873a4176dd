"""A fetcher that can be closed while its broker is away.

aiokafka's cancels its requests when it is closed and awaits them. One that waits for its next attempt passes the
cancellation on, and whoever closes the consumer takes it for his own: Faust's consumer thread ends without telling
anybody, so that a SIGTERM takes a minute, and a takeover ends in silence instead of with its error.
"""

import asyncio

from aiokafka.consumer import consumer, fetcher


class ClosableFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, whose requests are ended before it is closed."""

    async def close(self) -> None:
        """End what is under way, whatever it waits for."""
        self._fetch_task.cancel()
        await asyncio.wait([self._fetch_task])
        for request in self._pending_tasks:
            request.cancel()
        await asyncio.gather(*self._pending_tasks, return_exceptions=True)
        self._pending_tasks.clear()
        await super().close()


def fetch_closably() -> None:
    """Let every aiokafka consumer of this process have such a fetcher."""
    consumer.Fetcher = ClosableFetcher
