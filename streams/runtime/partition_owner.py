"""The owner of one partition: its producer, and its state and position, which change together or not at all."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Generic

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from streams.runtime.append_times import StampedRecord, check_append_times
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.observer import CommittedBatch, Observer, Takeover
from streams.runtime.patches.fetched_range import FetchedRange
from streams.runtime.position import POSITION_KEY, SourcePosition, encode_position
from streams.runtime.restore import UnreadableState, build_state, end_if_nothing_follows, read_state
from streams.runtime.stage import RunnableStage, State
from streams.runtime.transaction import (
    Destination,
    Write,
    stop_producer,
    transactional_producer,
    write_transaction,
)
from streams.wire.records import OutputRecord, SourceRecord

logger = structlog.get_logger(__name__)

# A broker forgets a transactional id that was not used for a week (`transactional.id.expiration.ms`), and the
# next transaction would then fail and stop the worker. A day is enough also for brokers that are set to less
# than a week.
UNUSED_SECONDS = 24 * 3600.0


class PartitionOwner(Generic[State]):
    """Partition n of a stage's source and state topics. Not usable before `take_over`."""

    state: State

    def __init__(
        self,
        stage: RunnableStage[State, Any],
        connection: Connection,
        prefix: str,
        app_id: str,
        partition: int,
        observer: Observer[State, Any],
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.position: dict[str, SourcePosition] = {}
        # The end of the last range applied of each topic. The position is the offset after the last record,
        # but the next range begins after the markers that follow that record.
        self._applied_to: dict[str, int] = {}
        self.last_applied_at = time.monotonic()
        self.markers_stepped_at = time.monotonic()
        self._written_at = time.monotonic()
        self._connection = connection
        self._prefix = prefix
        self._observer = observer
        self._transactional_id = f"{app_id}-{stage.name}-{partition}"
        self._producer: AIOKafkaProducer | None = None
        self._partitions_of: dict[str, int] = {}

    async def take_over(self) -> None:
        """Fence the previous owner and restore its committed state and position.

        Raises RefusedToStart when the state or the position cannot be used.
        """
        started = time.monotonic()
        self._observer.taking_over(self.partition)
        # The producer first: once older owners are fenced, they can no longer write to the state topic.
        self._producer = transactional_producer(self._connection, self._transactional_id)
        await self._producer.start()
        sources = [self._prefix + topic for topic in self.stage.sources]
        partitions = await self._partition_count(sources[0])
        state_topic = self._prefix + self.stage.state_topic
        restored = await read_state(
            self._connection,
            TopicPartition(state_topic, self.partition),
            sources,
            partitions,
            lambda: self._observer.restoring(self.partition),
        )
        try:
            self.state = build_state(
                lambda entries: self.stage.restore(self.partition, partitions, entries), restored.entries
            )
        except UnreadableState as error:
            raise RefusedToStart(
                f"{state_topic} partition {self.partition}: {error}. Run the version that wrote it, "
                "or reset the state after reading docs/operations.md."
            ) from error
        self.position = dict(restored.position)
        self.last_applied_at = time.monotonic()
        seconds = self.last_applied_at - started
        self._observer.taken_over(Takeover(self.partition, self.state, seconds, restored.records_read))
        logger.info(
            "took over partition",
            partition=self.partition,
            state_records=restored.records_read,
            keys=len(restored.entries),
            seconds=round(seconds, 2),
            position={topic: source.next_offset for topic, source in self.position.items()},
        )

    async def apply(self, batches: Sequence[tuple[str, FetchedRange]]) -> None:
        """Apply the batches (topic, records) in order, write one transaction, and then move the position.

        Records below the position have been applied before and are skipped. Raises OwnershipLost when the
        transaction did not commit. Raises OwnershipLost when records before a batch are missing, WrongAppendTime
        when a record has none that can be right, and passes on errors of the stage; in these cases nothing is
        written.
        """
        position = dict(self.position)
        applied_to = dict(self._applied_to)
        fresh: list[SourceRecord] = []
        applied: dict[str, int] = defaultdict(int)
        for topic, records in batches:
            source = position[topic]
            # The position is ahead of the last range if it was moved past markers at the end of the log.
            expected = max(source.next_offset, applied_to.get(topic, 0))
            if records.begin > expected:
                raise OwnershipLost(
                    f"{topic} partition {self.partition}: records were lost within this worker. The fetched batch "
                    f"begins at offset {records.begin}, but the next offset to apply is {expected}. The restarted "
                    "worker reads these records again."
                )
            applied_to[topic] = max(expected, records.end)
            unseen = _from_offset(records, source.next_offset)
            if unseen:
                check_append_times(unseen, _clock_ms())
                last = unseen[-1]
                position[topic] = SourcePosition(last.offset + 1, source.partitions, last.timestamp)
                fresh += unseen
                applied[topic.removeprefix(self._prefix)] += len(unseen)
        if not fresh:
            self._applied_to = applied_to
            return
        result = self.stage.apply(self.state, fresh)
        writes = await self._by_destination(result.outputs)
        state_rows = writes[(self._prefix + self.stage.state_topic, self.partition)]
        state_rows += [(key, value, []) for key, value in result.changes.items()]
        state_rows.append((POSITION_KEY, encode_position(position), []))
        started = time.monotonic()
        await self._write(writes)
        self.position = position
        self._applied_to = applied_to
        self.last_applied_at = time.monotonic()
        self._observer.committed(
            CommittedBatch(
                self.partition,
                applied,
                [record.timestamp for record in fresh],
                result,
                self.last_applied_at - started,
            )
        )

    async def tick_if_due(self, wall_clock_ms: int) -> bool:
        """Append a tick to the internal topic if something is due in the stage. True if one was written."""
        tick = self.stage.tick(self.state, wall_clock_ms)
        if tick is None:
            return False
        await self._write(await self._by_destination([tick]))
        self._observer.ticked(self.partition)
        return True

    async def step_over_markers(self) -> None:
        """Move the position to the end of each source log that holds only transaction markers from the position on.

        Also writes the position when nothing was written for UNUSED_SECONDS, so that the brokers remember the
        producer.
        """
        position = dict(self.position)
        try:
            ends = await asyncio.gather(
                *(
                    end_if_nothing_follows(
                        self._connection, TopicPartition(topic, self.partition), source.next_offset
                    )
                    for topic, source in position.items()
                )
            )
        except KafkaError as error:
            # The position takes weeks to fall before the log, so the next attempt is soon enough. A broker
            # that restarts must not stop the worker.
            logger.info(
                "position not moved past transaction markers; the next attempt follows later",
                partition=self.partition,
                error=repr(error),
            )
            return
        for (topic, source), end in zip(self.position.items(), ends, strict=True):
            if end != source.next_offset:
                # There is no record right before the new position, so there is no append time to recognise
                # the log by.
                position[topic] = SourcePosition(end, source.partitions, None)
        if position != self.position or time.monotonic() - self._written_at > UNUSED_SECONDS:
            state_partition = (self._prefix + self.stage.state_topic, self.partition)
            await self._write({state_partition: [(POSITION_KEY, encode_position(position), [])]})
            self.position = position

    async def release(self) -> None:
        """Stop the producer and write nothing more; the next owner starts at the committed position."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await stop_producer(producer)
            self._observer.released(self.partition)

    async def _write(self, writes: dict[Destination, list[Write]]) -> None:
        if self._producer is None:
            raise OwnershipLost(
                f"partition {self.partition} of {self.stage.name}: this worker has released it and cannot write to it"
            )
        # Every topic of ours has LogAppendTime: the broker replaces the timestamp that we send.
        try:
            ahead = await write_transaction(self._producer, writes, _clock_ms())
        except OwnershipLost as lost:
            self._observer.transaction_failed(self.partition, fenced=lost.fenced)
            raise
        self._written_at = time.monotonic()
        self._observer.clocks_compared(self.partition, ahead)

    async def _by_destination(self, outputs: Sequence[OutputRecord]) -> dict[Destination, list[Write]]:
        writes: dict[Destination, list[Write]] = defaultdict(list)
        last: tuple[str, int | None] | None = None
        rows: list[Write] = []
        for topic, partition, key, value, headers in outputs:
            # Nearly all outputs of a batch go to one partition of one topic: look its list up once.
            if last is None or topic is not last[0] or partition is None or partition != last[1]:
                name = self._prefix + topic
                destination = await self._partition_for(name, key) if partition is None else partition
                rows = writes[name, destination]
                last = topic, partition
            # aiokafka accepts only a list.
            rows.append((key, value, headers if isinstance(headers, list) else list(headers)))
        return writes

    async def _partition_for(self, topic: str, key: bytes | None) -> int:
        partitions = self._partitions_of.get(topic) or await self._partition_count(topic)
        if key is None:
            return self.partition % partitions
        positive_hash: int = murmur2(key) & 0x7FFFFFFF
        return positive_hash % partitions

    async def _partition_count(self, topic: str) -> int:
        assert self._producer is not None
        try:
            self._partitions_of[topic] = len(await self._producer.partitions_for(topic))
        except KafkaError as error:
            raise OwnershipLost(
                f"{topic}: its number of partitions is unknown ({error!r}). Check that the brokers answer, that the "
                "topic exists and that this user may describe it."
            ) from error
        return self._partitions_of[topic]


def _clock_ms() -> int:
    return int(time.time() * 1000)


def _from_offset(records: Sequence[StampedRecord], offset: int) -> Sequence[StampedRecord]:
    """The records from an offset on. Nearly always all of them: a fetch begins earlier only after a seek."""
    if not records or records[0].offset >= offset:
        return records
    return [record for record in records if record.offset >= offset]
