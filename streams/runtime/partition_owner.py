"""The owner of one partition: its producer, and its state and position, which change together or not at all."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Generic

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, TransactionalIdAuthorizationFailed
from aiokafka.partitioner import murmur2

from streams.runtime.append_times import check_append_times
from streams.runtime.connection import Connection
from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.identity import transactional_id
from streams.runtime.observer import CommittedBatch, Observer, Takeover
from streams.runtime.patches.fetched_range import FetchedRange
from streams.runtime.position import POSITION_KEY, SourcePosition, encode_position
from streams.runtime.progress import new_records, progress_of
from streams.runtime.resting import RestingSources
from streams.runtime.restore import UnreadableState, build_state, end_if_nothing_follows, read_state
from streams.runtime.stage import BatchResult, RunnableStage, State
from streams.runtime.transaction import (
    Destination,
    Write,
    stop_producer,
    transactional_producer,
    write_transaction,
)
from streams.wire.records import OutputRecord, SourceRecord
from streams.wire.state_records import UnknownHashKey

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
        partition: int,
        observer: Observer[State, Any],
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.position: dict[str, SourcePosition] = {}
        self.resting = RestingSources()
        # See Progress.
        self._applied_to: dict[str, int] = {}
        self.last_applied_at = time.monotonic()
        self.markers_stepped_at = time.monotonic()
        self._written_at = time.monotonic()
        self._connection = connection
        self._prefix = prefix
        self._observer = observer
        self._transactional_id = transactional_id(prefix, stage.name, partition)
        self._producer: AIOKafkaProducer | None = None
        self._partitions_of: dict[str, int] = {}

    async def take_over(self) -> None:
        """Fence the previous owner and restore its committed state and position.

        Raises RefusedToStart when the state or the position cannot be used, or this user may not fence.
        """
        started = time.monotonic()
        self._observer.taking_over(self.partition)
        # The producer first: once older owners are fenced, they can no longer write to the state topic.
        self._producer = transactional_producer(self._connection, self._transactional_id)
        try:
            await self._producer.start()
        except TransactionalIdAuthorizationFailed as error:
            raise RefusedToStart(
                f"this user may not use the transactional id {self._transactional_id}: grant Write and Describe as in "
                "docs/deployment.md, 'Who may do what'."
            ) from error
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
        except UnknownHashKey as error:
            raise RefusedToStart(f"{state_topic} partition {self.partition}: {error}.") from error
        self.position = dict(restored.position)
        self._let_rest({})
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

    async def apply(self, ranges: Sequence[tuple[str, FetchedRange]], processor: asyncio.Lock) -> int:
        """Apply the ranges (topic, records) in order, write one transaction, and then move the position.

        Returns the number of ranges that are done. If some are left, this transaction is as large as one may be:
        call again with the others. Records below the position have been applied before and are skipped.
        `processor` is held while the stage works, not while the brokers do.

        Raises OwnershipLost when the transaction did not commit. Raises OwnershipLost when records before a
        range are missing, WrongAppendTime when a record has none that can be right, and passes on errors of the
        stage; in these cases nothing is written.
        """
        new = new_records(self.partition, self.position, self._applied_to, ranges)
        records = [record for each in new for record in each.records]
        if not records:
            self._applied_to = progress_of(self.position, self._applied_to, new, 0).applied_to
            return len(ranges)
        for topic, unread, _ in new:
            skipped = self.stage.skipped_below(self.state, topic.removeprefix(self._prefix))
            read = [record for record in unread if record.offset >= skipped] if skipped else unread
            check_append_times(read, _clock_ms())
        async with processor:
            result, writes = await self._apply_in_slices(records)
        progress = progress_of(self.position, self._applied_to, new, result.finished_records)
        state_rows = writes[(self._prefix + self.stage.state_topic, self.partition)]
        state_rows += [(key, value, []) for key, value in result.changes.items()]
        state_rows.append((POSITION_KEY, encode_position(progress.position), []))
        started = time.monotonic()
        await self._write(writes)
        self.position = progress.position
        self._applied_to = progress.applied_to
        self._let_rest(self.stage.flooding(result))
        self.last_applied_at = time.monotonic()
        self._observer.committed(
            CommittedBatch(
                self.partition,
                {topic.removeprefix(self._prefix): number for topic, number in progress.records.items()},
                [record.timestamp for record in records[: result.finished_records]],
                result,
                self.last_applied_at - started,
            )
        )
        return progress.ranges

    async def _apply_in_slices(
        self, records: Sequence[SourceRecord]
    ) -> tuple[BatchResult, dict[Destination, list[Write]]]:
        writes: dict[Destination, list[Write]] = defaultdict(list)
        sorted_outputs = 0
        for result in self.stage.apply_in_slices(self.state, records):
            outputs = result.outputs[sorted_outputs:]
            sorted_outputs += len(outputs)
            await self._add_writes(writes, outputs)
            # A turn of the event loop, for probes and for what other partitions are waiting for.
            await asyncio.sleep(0)
        return result, writes

    def takes(self, topic: str, fetched: FetchedRange) -> bool:
        """Whether a fetched range is to be applied; False while its source rests."""
        expected = max(self.position[topic].next_offset, self._applied_to.get(topic, 0))
        return self.resting.takes(topic, fetched.begin, expected)

    def wake(self) -> list[tuple[str, int]]:
        """End the rests that are over; return their topics, each with the offset from which to fetch again."""
        woken = self.resting.wake()
        if woken:
            self._note_resting()
        return [(topic, self.position[topic].next_offset) for topic in woken]

    def _let_rest(self, flooding: Mapping[str, int]) -> None:
        paused = [self._prefix + topic for topic in self.stage.paused_sources(self.state)]
        before = self.resting.reasons()
        if not (flooding or paused or before):
            return
        self.resting.rest(flooding, paused)
        for topic, why in self.resting.reasons().items():
            if before.get(topic) != why:
                logger.warning(
                    "source flooded with records that cannot be read: it is read slowly until that ends"
                    if why == "flood"
                    else "source paused by operators",
                    topic=topic,
                    partition=self.partition,
                    runbook="docs/runbooks/TocsinSourceResting.md",
                )
        self._note_resting()

    def _note_resting(self) -> None:
        reasons = {topic.removeprefix(self._prefix): why for topic, why in self.resting.reasons().items()}
        self._observer.resting(self.partition, reasons)

    async def tick_if_due(self, wall_clock_ms: int) -> bool:
        """Append a tick to the internal topic if something is due in the stage. True if one was written."""
        tick = self.stage.tick(self.state, wall_clock_ms)
        if tick is None:
            return False
        writes: dict[Destination, list[Write]] = defaultdict(list)
        await self._add_writes(writes, [tick])
        await self._write(writes)
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
            if not lost.fenced:
                raise
            raise OwnershipLost(
                f"{self._prefix}{self.stage.state_topic} partition {self.partition}: another worker took over this state, "
                f"so this one may no longer write to it ({lost}). That is expected after a pause of this worker. If it "
                "recurs, another group of workers uses the same topics; only one may run per topic prefix. See "
                "docs/runbooks/TocsinFencingLoop.md.",
                fenced=True,
            ) from lost
        self._written_at = time.monotonic()
        self._observer.clocks_compared(self.partition, ahead)

    async def _add_writes(
        self, writes: dict[Destination, list[Write]], outputs: Sequence[OutputRecord]
    ) -> None:
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
