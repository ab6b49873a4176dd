"""A fetcher that keeps the memory of what it has fetched within limits, whatever the log holds."""

from typing import Any

from aiokafka.consumer import consumer

from streams.runtime.memory import MAX_HELD_BYTES, MAX_POLLED_BYTES
from streams.runtime.patches.closable_fetcher import ClosableFetcher
from streams.runtime.patches.fetched_range import FetchResult


class BoundedFetcher(ClosableFetcher):
    """Gives out MAX_POLLED_BYTES of records at a time, and requests no more while MAX_HELD_BYTES wait for that."""

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
        fetches, *others = super()._get_actions_per_node(assignment)
        held = sum(result.held_bytes() for result in self._records.values() if type(result) is FetchResult)
        # The fetcher asks again when a fetch has been given out.
        return [] if held >= MAX_HELD_BYTES else fetches, *others


def install_bounded_fetcher() -> None:
    """Make every aiokafka consumer of this process use a BoundedFetcher."""
    consumer.Fetcher = BoundedFetcher
