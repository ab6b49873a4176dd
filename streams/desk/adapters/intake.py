"""Reads an adapter's topics in its consumer group, and commits what is finished.

A partition's offset is committed up to its oldest unfinished event. So after a kill everything from there on
is delivered again, and nothing is lost.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from streams.contract.wire.records import SourceRecord
from streams.desk.adapters.deliveries import Deliveries, Send
from streams.desk.adapters.metrics import AdapterMetrics
from streams.desk.adapters.set_aside import SetAsideLog
from streams.running.clients.kafka_reading import group_member
from streams.running.log.connection import Connection
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# Events read and not finished. All of them may be delivered again after a kill, so it is what some seconds of
# delivery need and no more.
_MOST_UNFINISHED = 200

_WAIT_MS = 100
_COMMIT_SECONDS = 1.0

# How long an adapter that ends waits for the answers to what it has just sent, which would otherwise be sent
# again.
_END_SECONDS = 2.0


class Unfinished:
    """The records of one partition that were read and are not finished, oldest first."""

    def __init__(self, next_offset: int) -> None:
        self._next = next_offset
        self._open: deque[tuple[int, int]] = deque()
        self._done: set[int] = set()

    def begin(self, offset: int, timestamp_ms: int) -> None:
        """Note a record that was read; offsets rise."""
        self._open.append((offset, timestamp_ms))
        self._next = offset + 1

    def finish(self, offset: int) -> None:
        """Note that a record needs nothing more."""
        self._done.add(offset)
        while self._open and self._open[0][0] in self._done:
            self._done.remove(self._open.popleft()[0])

    @property
    def committable(self) -> int:
        """Everything below this offset is finished."""
        return self._open[0][0] if self._open else self._next

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest unfinished record was appended; None if there is none."""
        return self._open[0][1] if self._open else None

    def __len__(self) -> int:
        return len(self._open)


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no type information
    """Reads the records of a group and has those that are `wanted` sent."""

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Sequence[str],
        wanted: Callable[[SourceRecord], bool],
        *,
        from_beginning: bool,
    ) -> None:
        self._connection = connection
        self._group = group
        self._topics = topics
        self._wanted = wanted
        self._from_beginning = from_beginning
        self._unfinished: dict[TopicPartition, Unfinished] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._joined = False
        self._consumer: AIOKafkaConsumer | None = None
        self._deliveries: Deliveries | None = None

    @property
    def ready(self) -> bool:
        """Whether the group has been joined. A group may have more processes than partitions."""
        return self._joined

    @property
    def waiting(self) -> int:
        """Events read and not finished."""
        return sum(map(len, self._unfinished.values()))

    def lag_seconds(self) -> float:
        """Age of the oldest unfinished event."""
        times = [row.oldest_ms for row in self._unfinished.values() if row.oldest_ms is not None]
        return max(0.0, (clock_ms() - min(times)) / 1000) if times else 0.0

    async def run(
        self, send: Send, log: SetAsideLog, metrics: AdapterMetrics, patience: float | None
    ) -> None:
        """Read and deliver until cancelled; without `patience` (see Deliveries) only what is there now.

        Raises UnknownTopicOrPartitionError if a topic is missing, or another KafkaError.
        """
        deliveries = Deliveries(send, log.write, self._finish, metrics, patience)
        async with group_member(
            self._connection, self._group, self._topics, self, from_beginning=self._from_beginning
        ) as consumer:
            self._consumer, self._deliveries = consumer, deliveries
            try:
                await self._read(consumer, deliveries, to_the_end=patience is None)
            finally:
                await deliveries.end(_END_SECONDS)
                await self._commit(consumer)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Another process may own them from now on."""
        gone = set(revoked)
        if self._consumer is not None and self._deliveries is not None:
            await self._deliveries.drop({(place.topic, place.partition) for place in gone})
            await self._commit(self._consumer)
        for place in gone:
            self._unfinished.pop(place, None)
            self._committed.pop(place, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """The group has been joined."""
        self._joined = True

    async def _read(self, consumer: AIOKafkaConsumer, deliveries: Deliveries, *, to_the_end: bool) -> None:
        ends: dict[TopicPartition, int] = {}
        while True:
            deliveries.check()
            await self._note_positions(consumer)
            if to_the_end and await self._reached_end(consumer, ends):
                return
            room = _MOST_UNFINISHED - self.waiting
            if room > 0:
                consumer.resume(*consumer.paused())
            else:
                consumer.pause(*consumer.assignment())
            fetched = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=max(room, 1))
            for place, records in fetched.items():
                if not to_the_end:
                    self._begin(place, records, deliveries)
                elif place not in ends:
                    # Assigned a moment ago: read again once its end is known.
                    consumer.seek(place, records[0].offset)
                else:
                    # What is set aside again meanwhile waits for the next time.
                    self._begin(place, [row for row in records if row.offset < ends[place]], deliveries)
            if monotonic() - self._committed_at >= _COMMIT_SECONDS:
                await self._commit(consumer)

    async def _reached_end(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
        """Whether everything is finished that was there at the assignment; `ends` remembers its end."""
        places = consumer.assignment()
        if new := places - ends.keys():
            ends |= await consumer.end_offsets(new)
        positions = [await consumer.position(place) >= ends[place] for place in places]
        return self._joined and all(positions) and self.waiting == 0

    async def _note_positions(self, consumer: AIOKafkaConsumer) -> None:
        """Fix where reading begins, so that a process that is killed at once begins there again."""
        for place in consumer.assignment() - self._unfinished.keys():
            try:
                self._unfinished[place] = Unfinished(await consumer.position(place))
            except IllegalStateError:
                # The group has changed meanwhile.
                return

    def _begin(self, place: TopicPartition, records: Sequence[SourceRecord], deliveries: Deliveries) -> None:
        for record in records:
            unfinished = self._unfinished.setdefault(place, Unfinished(record.offset))
            unfinished.begin(record.offset, record.timestamp)
            if self._wanted(record):
                deliveries.add(record)
            else:
                unfinished.finish(record.offset)

    def _finish(self, record: SourceRecord) -> None:
        unfinished = self._unfinished.get(TopicPartition(record.topic, record.partition))
        if unfinished is not None:
            unfinished.finish(record.offset)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        self._committed_at = monotonic()
        moved = {
            place: row.committable
            for place, row in self._unfinished.items()
            if row.committable != self._committed.get(place)
        }
        if not moved:
            return
        try:
            await consumer.commit(moved)
        except KafkaError as error:
            # The next commit includes it. If the partitions have moved, their new owner delivers some events
            # again.
            logger.warning("could not commit what was delivered", error=repr(error))
            return
        self._committed |= moved
