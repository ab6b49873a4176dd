"""Times at which concurrent requests publish together."""

import asyncio
from typing import Final

# A sender does not notice it, and at 1,000 reports a second ten of them share a request to Kafka, each of
# which costs as much as some reports do. aiokafka's own linger is for each partition by itself, so that with
# some partitions few reports share one.
_SECONDS: Final = 0.01


class SendTimes:
    """At most every ten milliseconds; none while nobody waits."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def next(self) -> None:
        """Wait for the next time, at which all who wait go on in one turn of the event loop."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_later(_SECONDS, self._come)
        self._waiting.append(loop.create_future())
        await self._waiting[-1]

    def _come(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
