"""A Faust app that stops in time while no broker answers."""

import asyncio
from typing import Any

import faust

# How long a worker that is stopping may continue its cycle. A cycle takes a second at most. A transaction
# that no broker answers is given up after 20 seconds; what it leaves open, the next owner aborts.
FINISHING_SECONDS = 8.0


class PromptlyStoppingApp(faust.App):
    """Waits for the current cycle in a rebalance without limit, and in a stop for FINISHING_SECONDS."""

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        if not self.should_stop:
            # In a rebalance the current cycle has to end before another worker may own its partitions.
            await super()._consumer_wait_empty(consumer, logger)
            return
        waiting = asyncio.ensure_future(super()._consumer_wait_empty(consumer, logger))
        # Not `asyncio.timeout`: Faust would mistake its cancellation for that of the commit it waits for.
        await asyncio.wait([waiting], timeout=FINISHING_SECONDS)
        if waiting.done():
            waiting.result()
        else:
            waiting.cancel()
            logger.warning("stopped before the current cycle ended: the brokers do not answer")
