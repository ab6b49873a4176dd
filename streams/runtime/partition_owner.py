"""One partition that this worker owns: its state and position, which change together or not at all."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.runtime.append_times import check_append_times
from streams.runtime.claims import Place
from streams.runtime.connection import Connection
from streams.runtime.errors import RefusedToStart
from streams.runtime.observer import CommittedBatch, Observer, Takeover
from streams.runtime.outputs import Outputs, position_record
from streams.runtime.patches.fetched_range import FetchedRange
from streams.runtime.position import SourcePosition
from streams.runtime.progress import Progress, new_records, progress_of
from streams.runtime.resting import RestingSources
from streams.runtime.restore import UnreadableState, build_state, read_state_with
from streams.runtime.stage import BatchResult, RunnableStage, State
from streams.runtime.state_log import Blocked, end_if_nothing_follows
from streams.runtime.transaction import Destination, Write
from streams.runtime.writer import Writer
from streams.wire.records import SourceRecord
from streams.wire.state_records import UnknownHashKey

logger = structlog.get_logger(__name__)


class Prepared(NamedTuple):
    """What a batch of one partition leads to, before it is committed. `size` is that of the writes in bytes, roughly."""

    writes: dict[Destination, list[Write]]
    progress: Progress
    result: Any
    records: Sequence[SourceRecord]
    size: int


class PartitionOwner(Generic[State]):
    """Partition n of a stage's source and state topics. Not usable before `restore`."""

    state: State

    def __init__(
        self,
        stage: RunnableStage[State, Any],
        connection: Connection,
        writer: Writer,
        partition: int,
        observer: Observer[State, Any],
    ) -> None:
        self.stage = stage
        self.place = Place(stage.name, partition)
        self.state_log = TopicPartition(writer.prefix + stage.state_topic, partition)
        self.position: dict[str, SourcePosition] = {}
        self.resting = RestingSources()
        # See Progress.
        self._applied_to: dict[str, int] = {}
        self.last_applied_at = time.monotonic()
        self.markers_stepped_at = time.monotonic()
        self._connection = connection
        self._prefix = writer.prefix
        self._writer = writer
        self._observer = observer

    def to_be_restored(self) -> None:
        """Note that `restore` or `released` follows."""
        self._observer.taking_over(self.place.partition)

    async def restore(self, consumer: AIOKafkaConsumer, end: int, blocked: Blocked) -> int:
        """Read the committed state and position; return the number of records read.

        Nobody else may write to the state any more (see takeover.py). `consumer` comes from state_consumer; `end` and `blocked` as in read_entries. Raises RefusedToStart when the state or the position cannot be used.
        """
        started = time.monotonic()
        sources = [self._prefix + topic for topic in self.stage.sources]
        partitions = await self._writer.partition_count(sources[0])
        restored = await read_state_with(
            consumer,
            self.state_log,
            sources,
            partitions,
            lambda: self._observer.restoring(self.place.partition),
            end,
            blocked,
        )
        where = f"{self.state_log.topic} partition {self.place.partition}"
        try:
            self.state = build_state(
                lambda entries: self.stage.restore(self.place.partition, partitions, entries),
                restored.entries,
            )
        except UnreadableState as error:
            raise RefusedToStart(
                f"{where}: {error}. Run the version that wrote it, "
                "or reset the state after reading docs/operations.md."
            ) from error
        except UnknownHashKey as error:
            raise RefusedToStart(f"{where}: {error}.") from error
        self.position = dict(restored.position)
        self._let_rest({})
        self.last_applied_at = time.monotonic()
        seconds = self.last_applied_at - started
        self._observer.taken_over(Takeover(self.place.partition, self.state, seconds, restored.records_read))
        logger.debug(
            "took over partition",
            stage=self.place.stage,
            partition=self.place.partition,
            state_records=restored.records_read,
            keys=len(restored.entries),
            seconds=round(seconds, 2),
            position={topic: source.next_offset for topic, source in self.position.items()},
        )
        return restored.records_read

    async def apply(self, ranges: Sequence[tuple[str, FetchedRange]]) -> Prepared | None:
        """Apply the ranges (topic, records) in order; return what to write, or None if there is nothing to do.

        Records below the position have been applied before and are skipped. If the transaction commits, call
        `committed`; if it does not, the owner is worthless.

        Raises OwnershipLost when records before a range are missing, WrongAppendTime when a record has no append time
        that can be right, OversizedRecord when a topic does not take what comes of it, and passes on errors of the
        stage; in these cases nothing may be written.
        """
        new = new_records(self.place.partition, self.position, self._applied_to, ranges)
        records = [record for each in new for record in each.records]
        if not records:
            self._applied_to = progress_of(self.position, self._applied_to, new, 0).applied_to
            return None
        for topic, unread, _ in new:
            skipped = self.stage.skipped_below(self.state, topic.removeprefix(self._prefix))
            read = [record for record in unread if record.offset >= skipped] if skipped else unread
            check_append_times(read, clock_ms())
        result, outputs = await self._apply_in_slices(records)
        progress = progress_of(self.position, self._applied_to, new, result.finished_records)
        outputs.add_state(self.state_log, result.changes, progress.position)
        return Prepared(outputs.writes, progress, result, records, outputs.size)

    def committed(self, prepared: Prepared, seconds: float) -> None:
        """Move the position: the transaction with what `apply` prepared is committed, and took so long."""
        progress, result = prepared.progress, prepared.result
        self.position = progress.position
        self._applied_to = progress.applied_to
        self._let_rest(self.stage.flooding(result))
        self.last_applied_at = time.monotonic()
        self._observer.committed(
            CommittedBatch(
                self.place.partition,
                {topic.removeprefix(self._prefix): number for topic, number in progress.records.items()},
                [record.timestamp for record in prepared.records[: result.finished_records]],
                result,
                seconds,
            )
        )

    async def _apply_in_slices(self, records: Sequence[SourceRecord]) -> tuple[BatchResult, Outputs]:
        outputs = Outputs(self._writer, self.place.partition)
        sorted_outputs = 0
        for result in self.stage.apply_in_slices(self.state, records):
            fresh = result.outputs[sorted_outputs:]
            sorted_outputs += len(fresh)
            await outputs.add(fresh)
            # A turn of the event loop, for probes and for the consumer.
            await asyncio.sleep(0)
        return result, outputs

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
                    partition=self.place.partition,
                    runbook="docs/runbooks/TocsinSourceResting.md",
                )
        self._note_resting()

    def _note_resting(self) -> None:
        reasons = {topic.removeprefix(self._prefix): why for topic, why in self.resting.reasons().items()}
        self._observer.resting(self.place.partition, reasons)

    async def tick(self, wall_clock_ms: int) -> Outputs | None:
        """What to write when something is due in the stage: a tick for the internal topic. Call `ticked` afterwards."""
        tick = self.stage.tick(self.state, wall_clock_ms)
        if tick is None:
            return None
        outputs = Outputs(self._writer, self.place.partition)
        await outputs.add([tick])
        return outputs

    def ticked(self) -> None:
        """Note that the tick is written."""
        self.last_applied_at = time.monotonic()
        self._observer.ticked(self.place.partition)

    async def step_over_markers(self) -> None:
        """Move the position to the end of each source log that holds only transaction markers from the position on."""
        position = dict(self.position)
        try:
            ends = await asyncio.gather(
                *(
                    end_if_nothing_follows(
                        self._connection, TopicPartition(topic, self.place.partition), source.next_offset
                    )
                    for topic, source in position.items()
                )
            )
        except KafkaError as error:
            # The position takes weeks to fall before the log, so the next attempt is soon enough. A broker
            # that restarts must not stop the worker.
            logger.info(
                "position not moved past transaction markers; the next attempt follows later",
                partition=self.place.partition,
                error=repr(error),
            )
            return
        for (topic, source), end in zip(self.position.items(), ends, strict=True):
            if end != source.next_offset:
                # There is no record right before the new position, so there is no append time to recognise
                # the log by.
                position[topic] = SourcePosition(end, source.partitions, None)
        if position != self.position:
            await self._writer.write({self.state_log: [position_record(position)]})
            self.position = position

    def released(self) -> None:
        """Note that the partition is given up."""
        self._observer.released(self.place.partition)

    def clocks_compared(self, ahead_ms: int) -> None:
        """Note what a transaction showed about the brokers' clocks."""
        self._observer.clocks_compared(self.place.partition, ahead_ms)

    def transaction_failed(self, *, fenced: bool) -> None:
        """Note that a transaction did not commit."""
        self._observer.transaction_failed(self.place.partition, fenced=fenced)


def clock_ms() -> int:
    """This machine's clock."""
    return int(time.time() * 1000)
