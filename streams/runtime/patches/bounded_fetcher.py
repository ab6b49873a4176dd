"""A fetcher that keeps the memory of what it has fetched within limits, whatever the log holds."""

from typing import Any

from aiokafka.consumer import consumer

from streams.runtime.memory import MAX_HELD_BYTES, MAX_POLLED_BYTES
from streams.runtime.patches.closable_fetcher import ClosableFetcher
from streams.runtime.patches.fetched_range import FetchResult

# A fetch names every assigned topic partition, which is encoded and decoded in Python: with 48 partitions that was more
# than half of a worker's CPU time. From this many on a fetch waits for more records instead of returning each one at once.
# 64 are some ten partitions of all source topics. With fewer, the wait would cost latency and save little.
COLLECT_FROM = 64
COLLECTED_BYTES = 1024 * 1024
COLLECTING_MS = 10


class BoundedFetcher(ClosableFetcher):
    """Gives out MAX_POLLED_BYTES of records at a time, and requests no more while MAX_HELD_BYTES wait for that.

    With many partitions its fetches wait until they have collected some records.
    """

    _fetch_min_bytes: int
    _fetch_max_wait_ms: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.usual = self._fetch_min_bytes, self._fetch_max_wait_ms

    async def fetched_records(
        self,
        partitions: Any,
        timeout: float = 0,  # noqa: ASYNC109
        max_records: int | None = None,
    ) -> Any:
        """The next records of the given partitions, which take turns if they have more than fits."""
        subscription = self._subscriptions.subscription
        if subscription is not None and subscription.assignment is not None:
            subscription.assignment.room = MAX_POLLED_BYTES
        drained = await super().fetched_records(partitions, timeout, max_records)
        for tp in drained:
            rest = self._records.pop(tp, None)
            if rest is not None:
                # To the end: otherwise its next records would use up the next poll as well.
                self._records[tp] = rest
        return drained

    def _get_actions_per_node(self, assignment: Any) -> Any:
        self._fetch_min_bytes, self._fetch_max_wait_ms = (
            (COLLECTED_BYTES, COLLECTING_MS) if len(assignment.tps) >= COLLECT_FROM else self.usual
        )
        fetches, *others = super()._get_actions_per_node(assignment)
        held = sum(result.held_bytes() for result in self._records.values() if type(result) is FetchResult)
        # The fetcher asks again when a fetch has been given out.
        return [] if held >= MAX_HELD_BYTES else fetches, *others


def install_bounded_fetcher() -> None:
    """Make every aiokafka consumer of this process use a BoundedFetcher."""
    consumer.Fetcher = BoundedFetcher
