"""A fetcher that keeps the memory of what it has fetched within limits, whatever the log holds."""

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import consumer
from faust.types import TP

from streams.running.log.memory import MAX_HELD_BYTES, MAX_POLLED_BYTES
from streams.running.patches.closable_fetcher import ClosableFetcher
from streams.running.patches.fetched_range import FetchResult

# An answer of at least this many bytes means that there is more to fetch than time: the next fetch is sent at
# once. 10,000 reports a second of 700 bytes are less in the shortest pause between two fetches.
COLLECTED_BYTES = 256 * 1024

# How long a broker may hold back a fetch that finds nothing new. aiokafka has one fetch under way per broker.
# One that names every partition may wait long: whatever comes ends the wait. While one waits that does not
# name a partition whose last records were still waiting for the agents, new records of that partition would
# wait, too.
IDLE_MS = 500
PARTIAL_MS = 20

# How often to ask who leads a partition that has no leader. aiokafka asks again as soon as it is answered:
# some hundred times a second, as long as the partition has none.
LEADERS_SECONDS = 0.25


class BoundedFetcher(ClosableFetcher):
    """Gives out MAX_POLLED_BYTES of records at a time; requests none while MAX_HELD_BYTES wait.

    `collects` says how many seconds to wait after an answer with records, given its time, for more to come
    together, and is asked again after them. A fetch costs a worker two milliseconds and names every assigned
    topic partition, and each range of records that it brings costs .3 ms more.

    `applied` has offsets of topic partitions below which nothing needs to be fetched.
    """

    _fetch_max_wait_ms: int
    collects: Callable[[float], float] | None = None
    applied: Mapping[TP, int] = MappingProxyType({})

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # When a node last brought records, if its last answer did.
        self.fetched_at: dict[int, float] = {}
        self.ask_for_leaders_at = 0.0
        self.turns = 0
        # The last turn in which a partition had records.
        self.served_in: dict[Any, int] = {}

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
        if self.collects is not None:
            self._fetch_max_wait_ms = PARTIAL_MS if self._records else IDLE_MS
        fetches, resets, wait, leader_missing, resumed = super()._get_actions_per_node(assignment)
        if leader_missing:
            leader_missing = time.monotonic() >= self.ask_for_leaders_at
            if leader_missing:
                self.ask_for_leaders_at = time.monotonic() + LEADERS_SECONDS
        # The fetcher asks again when a fetch has been given out.
        if self.waiting_bytes() >= MAX_HELD_BYTES:
            fetches = []
        return fetches, resets, wait, leader_missing, resumed

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        if self.collects is None:
            return bool(await super()._proc_fetch_request(assignment, node_id, request))
        fetched_at = self.fetched_at.pop(node_id, None)
        try:
            # Only the time that passes ends the wait.
            while fetched_at is not None and (seconds := self.collects(fetched_at)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            # As for a request that is under way: the fetcher closes or has lost the assignment.
            return False
        self.pass_over_applied(assignment, request)
        found = bool(await super()._proc_fetch_request(assignment, node_id, self.in_turn(request)))
        few = self.waiting_bytes() < COLLECTED_BYTES
        self.served_in = {} if few else self.served_in | dict.fromkeys(self._records, self.turns)
        self.turns += 1
        if found and few:
            self.fetched_at[node_id] = time.monotonic()
        return found

    def pass_over_applied(self, assignment: Any, request: Any) -> None:
        """Move positions beyond what is applied, of what nobody has sought elsewhere since the request."""
        for topic, places in request._topics:
            for index, (partition, offset, max_bytes) in enumerate(places):
                end = self.applied.get(TP(topic, partition), 0)
                if end > offset:
                    state = assignment.state_value(TopicPartition(topic, partition))
                    if state is not None and state.has_valid_position and state.position == offset:
                        state.consumed_to(end)
                        places[index] = partition, end, max_bytes

    def in_turn(self, request: Any) -> Any:
        """Put the partitions first that had no records for longest: an answer holds full fetches of four.

        aiokafka's random order left one of 100 partitions with a backlog without a turn for a minute.
        """
        if self.served_in:
            places = [(topic, place) for topic, places in request._topics for place in places]
            places.sort(key=lambda at: self.served_in.get(TopicPartition(at[0], at[1][0]), -1))
            request._topics = [
                (topic, [place for _, place in grouped]) for topic, grouped in groupby(places, itemgetter(0))
            ]
        return request

    def waiting_bytes(self) -> int:
        """Bytes of answers that wait to be unpacked."""
        return sum(result.held_bytes() for result in self._records.values() if type(result) is FetchResult)


def install_bounded_fetcher() -> None:
    """Make every aiokafka consumer of this process use a BoundedFetcher."""
    consumer.Fetcher = BoundedFetcher
