"""The one transactional producer of a process: all stages write with it, one transaction at a time."""

import asyncio
import time
from collections.abc import Collection, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, TransactionalIdAuthorizationFailed

from streams.running.errors import OwnershipLost
from streams.running.identity import new_transactional_id
from streams.running.log.fencing import fence, not_allowed, offsets_by_time
from streams.running.log.log import END, FIRST, FoundOffset, Log, Producer
from streams.running.log.predecessor import end_predecessor
from streams.running.log.source_logs import LogBounds
from streams.running.log.transaction import (
    Follow,
    Writes,
    nothing_more,
    stop_producer,
    write_transaction,
)
from streams.running.wall_clock import clock_ms

# A broker forgets a transactional id that was not used for a week (`transactional.id.expiration.ms`), and the
# next transaction would then fail and stop the worker. A day is enough also for brokers that are set to less
# than a week.
UNUSED_SECONDS = 24 * 3600.0


class Writer:
    """Writes transactions under a transactional id that no other process has. Not usable before `start`.

    If `instance` is given, no other live process may have this name: see predecessor.py.
    """

    def __init__(self, log: Log, prefix: str, instance: str = "") -> None:
        self.prefix = prefix
        self.transactional_id = new_transactional_id(prefix, instance)
        self._instance = instance
        self._log = log
        self._producer: Producer | None = None
        self._one_at_a_time = asyncio.Lock()
        self._partitions_of: dict[str, int] = {}
        self._written_at = time.monotonic()

    async def start(self) -> None:
        """Register the id with the brokers, and end what a former process of this instance left open.

        Raises RefusedToStart when this user may not use the id.
        """
        self._producer = self._log.producer(self.transactional_id)
        try:
            await self._producer.start()
        except TransactionalIdAuthorizationFailed as error:
            raise not_allowed(self.transactional_id) from error
        if self._instance:
            await end_predecessor(self._producer, self.prefix, self._instance, self.transactional_id)

    async def stop(self) -> None:
        """Write nothing more.

        The worker that takes the partitions over aborts a transaction that is left open.
        """
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await stop_producer(producer)

    async def fence(self, transactional_id: str) -> None:
        """Fence another producer: see fencing.py."""
        await fence(self._started(), transactional_id)

    async def offsets(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, FoundOffset]:
        """Offsets in logs by time: see log.py."""
        for topic in {tp.topic for tp in times}:
            await self.partition_count(topic)
        return await offsets_by_time(self._started(), times)

    async def ends(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The high watermarks of logs."""
        found = await self.offsets(dict.fromkeys(tps, END))
        return {tp: place.offset for tp, place in found.items()}

    async def bounds(self, tps: Collection[TopicPartition]) -> LogBounds:
        """The first offsets and the high watermarks of logs."""
        found = await self.offsets(dict.fromkeys(tps, FIRST))
        return LogBounds({tp: place.offset for tp, place in found.items()}, await self.ends(tps))

    async def write(self, writes: Writes, follow: Follow = nothing_more) -> int:
        """Write all records, and what follows from them, in one transaction.

        Return how far the brokers' clocks are ahead, in ms.

        A caller that is cancelled does not interrupt the transaction: the next one waits for its end. Raises
        OwnershipLost when it did not commit; then nothing in memory can be trusted any more.
        """
        return await asyncio.shield(asyncio.ensure_future(self._write(writes, follow)))

    async def _write(self, writes: Writes, follow: Follow) -> int:
        async with self._one_at_a_time:
            # Every topic of ours has LogAppendTime: the broker replaces the timestamp that we send.
            try:
                ahead = await write_transaction(self._started(), writes, clock_ms(), follow)
            except OwnershipLost as lost:
                if not lost.fenced:
                    raise
                raise OwnershipLost(
                    f"another worker took over this state, so this one may no longer write to it ({lost}). "
                    "That is expected after a pause of this worker. If it recurs, another group of workers "
                    "uses the same topics; only one may run per topic prefix. See "
                    "docs/runbooks/TocsinFencingLoop.md.",
                    fenced=True,
                ) from lost
            self._written_at = time.monotonic()
            return ahead

    @property
    def is_unused(self) -> bool:
        """Whether something should be written, so that the brokers do not forget the id."""
        return time.monotonic() - self._written_at > UNUSED_SECONDS

    async def partition_count(self, topic: str) -> int:
        """The number of partitions of a topic (with prefix)."""
        known = self._partitions_of.get(topic)
        if known is not None:
            return known
        try:
            self._partitions_of[topic] = len(await self._started().partitions_for(topic))
        except KafkaError as error:
            raise OwnershipLost(
                f"{topic}: its number of partitions is unknown ({error!r}). Check that the brokers answer, "
                "that the topic exists and that this user may describe it."
            ) from error
        return self._partitions_of[topic]

    def _started(self) -> Producer:
        if self._producer is None:
            raise OwnershipLost("this worker has released its partitions and writes nothing more")
        return self._producer
