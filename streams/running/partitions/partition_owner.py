"""One partition that this worker owns: its state and position, which change together or not at all."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic

import structlog
from aiokafka import TopicPartition

from streams.contract.wire.records import OutputRecord, SourceRecord, new_tuple
from streams.contract.wire.state_records import RulesMissing
from streams.running.log.append_times import APPEND_TIME, check_append_times
from streams.running.log.claims import StatePartition
from streams.running.log.fetched import Fetched
from streams.running.log.log import Appended, Destination, Log, Reader, Write
from streams.running.log.past_markers import past_markers
from streams.running.log.position import Position, SourcePosition
from streams.running.log.source_logs import LogBounds
from streams.running.log.state_log import Blocked
from streams.running.log.writer import Writer
from streams.running.partitions.attempts import Attempts
from streams.running.partitions.loading import Loaded, load
from streams.running.partitions.observer import CommittedBatch, Observer, Takeover
from streams.running.partitions.outputs import Outputs
from streams.running.partitions.prepared import OF_THE_PROCESS, Prepared, prepare
from streams.running.partitions.progress import applied_end, new_records, progress_of
from streams.running.partitions.resting import RestingSources
from streams.running.partitions.setback import NotApplied, NotWritable
from streams.running.partitions.stage import RunnableStage, State, Switch
from streams.running.patches.fetched_range import FetchedRange
from streams.running.patches.fetched_records import FetchedRecord
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# How much later than the internal topic the other sources are read when a partition is tried again. Sources
# are woken every half second, and a busy broker takes up to a second for a fetch.
INTERNAL_FIRST_SECONDS = 2.0

# How long after a change of rules was written it is written again, if it is not in force by then: what waits
# before it may take longer, and a change that open cases keep from taking effect may take effect later.
SAY_RULES_SECONDS = 60.0


class PartitionOwner(Generic[State]):
    """Partition n of a stage's source and state topics. Not usable before `restore`."""

    state: State

    def __init__(
        self,
        stage: RunnableStage[State, Any],
        log: Log,
        writer: Writer,
        partition: int,
        observer: Observer[State, Any],
    ) -> None:
        # The one by whose rules the partition is judged.
        self.stage = stage
        self.place = StatePartition(stage.name, partition)
        self.state_log = TopicPartition(writer.prefix + stage.state_topic, partition)
        self.position: dict[str, SourcePosition] = {}
        # Behind the position while a transaction is under way.
        self.committed_position: Position = {}
        self.resting = RestingSources()
        self.attempts = Attempts(self.place, writer.prefix)
        # See Progress.
        self._applied_to: dict[str, int] = {}
        # The offset after the marker of the last transaction of which `apply_own` applied records, and what
        # it is once the one under way is committed: before that the next offset may be another's record.
        self._own_end = self._next_own_end = 0
        self.last_applied_at = time.monotonic()
        self.markers_stepped_at = time.monotonic()
        # The change of rules that was written last, and when.
        self._rules_said = (0, 0.0)
        self._log = log
        self._prefix = writer.prefix
        self._writer = writer
        self._observer = observer

    def topic(self, name: str) -> str:
        """Return the name of a topic with the deployment's prefix."""
        return self._prefix + name

    @property
    def internal_log(self) -> TopicPartition:
        """The partition of the internal topic."""
        return TopicPartition(self.topic(self.stage.sources.internal), self.place.partition)

    def source_logs(self) -> list[TopicPartition]:
        """The partition of each source topic."""
        return [TopicPartition(self.topic(name), self.place.partition) for name in self.stage.sources]

    def to_be_restored(self) -> None:
        """Note that `restore` or `released` follows."""
        self._observer.taking_over(self.place.partition)

    async def restore(
        self, consumer: Reader, bounds: LogBounds, end: int, blocked: Blocked
    ) -> Loaded[State] | None:
        """Take the partition over: read its state and position as in `load`.

        None if its rules are not ready here: then it is set aside, and `try_again` follows.
        """
        started = time.monotonic()
        partition = self.place.partition
        try:
            loaded = await load(
                self.stage,
                self._writer,
                self.state_log,
                consumer,
                bounds,
                end,
                blocked,
                lambda: self._observer.restoring(partition),
            )
        except RulesMissing as missing:
            self._observer.set_aside(partition, "", self.attempts.wait_for_rules(missing))
            return None
        self._use(loaded)
        seconds = self.last_applied_at - started
        self._observer.taken_over(Takeover(partition, self.state, seconds, loaded.records))
        logger.debug(
            "took over partition",
            stage=self.place.stage,
            partition=partition,
            state_records=loaded.records,
            keys=loaded.keys,
            seconds=round(seconds, 2),
            position={topic: source.next_offset for topic, source in self.position.items()},
        )
        return loaded

    def _use(self, loaded: Loaded[State]) -> None:
        # A batch that was being applied when the partition was set aside has moved them.
        self._applied_to, self._own_end = {}, 0
        self.stage, self.state, self.position = loaded.stage, loaded.state, loaded.position
        self.committed_position = loaded.position
        self._let_rest({})
        self.last_applied_at = time.monotonic()

    def set_aside(self, failed: NotApplied) -> None:
        """Apply nothing until `try_again`. Drops the state, which may be half changed."""
        del self.state
        self.resting = RestingSources()
        if isinstance(failed, NotWritable):
            self._observer.waits(self.place.partition, self.attempts.wait(failed.destinations))
            return
        records = self.attempts.set_aside(failed)
        self._observer.set_aside(self.place.partition, records, type(failed.__cause__).__name__)

    def take_over_without_state(self, missing: Collection[Destination], position: Position) -> None:
        """Own the partition while logs of it have no leader: `try_again` follows when they have.

        `position` is where it was applied to as far as this process knows.
        """
        self.position = self.committed_position = dict(position)
        self._observer.waits(self.place.partition, self.attempts.wait(missing))

    async def load(self, consumer: Reader, end: int) -> Loaded[State]:
        """Read the committed state of a partition that is set aside, for `try_again`; errors as in `load`."""
        bounds = await self._writer.bounds([self.state_log, *self.source_logs()])

        async def blocked(end: int) -> int:
            await self._writer.end_leftovers([self.state_log])
            return end

        loaded = await load(self.stage, self._writer, self.state_log, consumer, bounds, end, blocked)
        internal = self.internal_log
        if self.attempts.fail_in(internal.topic):
            begin = loaded.position[internal.topic].next_offset
            await self.attempts.decisions.look(consumer, internal, begin, self.stage.is_decision)
        return loaded

    def try_again(self, loaded: Loaded[State]) -> None:
        """Apply records again, from the committed position on, the internal topic first.

        An operator's decision to skip the record that fails is in the internal topic. If that record is
        there, too, the decision was found behind it.
        """
        self.attempts.begin()
        later = INTERNAL_FIRST_SECONDS if self.attempts.are_under_way else 0.0
        self.resting.delay(dict.fromkeys(loaded.position, later) | {self.internal_log.topic: 0.0})
        self._use(loaded)
        if decisions := self.attempts.decisions.found:
            self.stage.obey(self.state, decisions)
        self._observer.read_again(self.place.partition, self.state)

    async def apply(
        self, ranges: Sequence[tuple[str, FetchedRange]], until: Mapping[str, int] | None = None
    ) -> Prepared | None:
        """Apply the ranges (topic, records) in order; return what to write, or None without anything to do.

        `until` says how far sources may be read, as the latest event time (ms) by topic; None if all may.

        Records below the position have been applied before and are skipped. State and position move at once,
        so that the next records can be applied while these are written. If the transaction commits, call
        `committed`; if it does not, all owners of the process are worthless.

        Raises OwnershipLost when records before a range are missing, WrongAppendTime when a record has no
        append time that can be right, NotAtHome when the number of partitions was changed, and NotApplied for
        errors of the stage and records that a topic does not take: then the partition must be set aside, and
        nothing of it may be written.
        """
        new = new_records(self.place.partition, self.position, self._applied_to, ranges)
        records: Sequence[SourceRecord] = [record for each in new for record in each.records]
        if not records:
            self._applied_to = progress_of(self.position, self._applied_to, new, 0).applied_to
            return None
        for topic, unread, _ in new:
            skipped = self.stage.skipped_below(self.state, topic.removeprefix(self._prefix))
            read = [record for record in unread if record.offset >= skipped] if skipped else unread
            check_append_times(read, clock_ms())
        prepared = await prepare(
            self.stage,
            self.state,
            self.attempts.next(records),
            new,
            self.position,
            self._applied_to,
            self.state_log,
            self._writer,
            until,
        )
        self.position, self._applied_to = prepared.progress.position, prepared.progress.applied_to
        self.stage = self.stage.for_state(self.state)
        return prepared

    async def apply_own(
        self, topic: str, rows: Sequence[Write], appended: Sequence[Appended]
    ) -> Prepared | None:
        """Apply records that this process has just appended to a source, in the transaction that it writes.

        What that leads to must be written in the same transaction. Returns None if other records come before
        them, or if the source rests: then they are applied when they are fetched. Raises as `apply` does.
        """
        if self.attempts.is_set_aside or self.attempts.are_under_way:
            return None
        begin = self._begin_of_own(topic, appended)
        if begin is None:
            return None
        places = (
            (each.offset + number, each.timestamp) for each in appended for number in range(each.records)
        )
        records: list[Any] = [
            new_tuple(FetchedRecord, (topic, self.place.partition, offset, time_ms, APPEND_TIME, *row))
            for (offset, time_ms), row in zip(places, rows, strict=True)
        ]
        end = records[-1].offset + 1
        self._applied_to[topic] = begin
        fetched = FetchedRange(records, begin, end, 0)
        if not self.takes(topic, fetched):
            return None
        prepared = await self.apply([(topic, fetched)])
        if prepared is not None and prepared.progress.ranges:
            # The marker comes next, unless others write to this log, too: then the next records do not begin
            # where we expect them.
            self._next_own_end = end + 1
        return prepared

    def _begin_of_own(self, topic: str, appended: Sequence[Appended]) -> int | None:
        """Return the offset at which they begin if they come next and follow each other, else None."""
        begins = [each.offset for each in appended]
        ends = [each.offset + each.records for each in appended]
        follow_each_other = begins[1:] == ends[:-1] and all(each.timestamp > 0 for each in appended)
        comes_next = begins[0] in (self.expected(topic), self._own_end)
        return begins[0] if comes_next and follow_each_other else None

    def passes_over(self, topic: str, fetched: FetchedRange) -> bool:
        """Whether all records of a fetched range were applied before they were fetched (see `apply_own`)."""
        expected = self.expected(topic)
        if fetched.begin > expected or fetched[-1].offset >= self.position[topic].next_offset:
            return False
        self._applied_to[topic] = max(expected, fetched.end)
        return True

    def committed(self, prepared: Prepared, seconds: float) -> None:
        """Note that the transaction with what `apply` prepared is committed, and took so long."""
        progress, result = prepared.progress, prepared.result
        self.committed_position = progress.position
        self._own_end = self._next_own_end
        self._let_rest(self.stage.tripped(result))
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
        attempts = self.attempts
        if attempts.may_have_succeeded and attempts.have_succeeded(progress.position, prepared.inside):
            self._observer.recovered(self.place.partition)

    def takes(self, topic: str, fetched: FetchedRange) -> bool:
        """Whether a fetched range is to be applied; False while its source rests."""
        if self.attempts.is_set_aside:
            return False
        return self.resting.takes(topic, fetched.begin, self.expected(topic))

    def expected(self, topic: str) -> int:
        """Return the offset at which the next range of a source must begin."""
        return max(self.position[topic].next_offset, self._applied_to.get(topic, 0))

    def applied_end(self, topic: str, fetched: Fetched) -> int:
        """Return the offset up to which a source is applied, with what follows that is no record."""
        return applied_end(self.position[topic], fetched)

    def rests(self, topic: str) -> bool:
        """Whether nothing of a source is applied for a while."""
        return self.attempts.is_set_aside or topic in self.resting

    def wake(self) -> list[tuple[str, int]]:
        """End the rests that are over; return their topics with the offsets from which to fetch again."""
        woken = self.resting.wake()
        if woken:
            self._note_resting()
        return [(topic, self.position[topic].next_offset) for topic in woken]

    def _let_rest(self, tripped: Mapping[str, int]) -> None:
        paused = [self._prefix + topic for topic in self.stage.paused_sources(self.state)]
        before = self.resting.reasons()
        if not (tripped or paused or before):
            return
        self.resting.rest(tripped, paused)
        for topic, why in self.resting.reasons().items():
            if before.get(topic) != why:
                logger.warning(
                    "dead letter breaker tripped: the source is read slowly until its records can be read"
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
        """What to write when something is due in the stage: a tick for the internal topic.

        Call `ticked` afterwards.
        Raises NotApplied as `apply` does.
        """
        return await self._own_record(lambda: self.stage.tick(self.state, wall_clock_ms))

    async def say_room(self, *, has_room: bool) -> Outputs | None:
        """What to write if the state does not know yet whether there is memory for more.

        Raises as `tick`.
        """
        return await self._own_record(lambda: self.stage.say_room(self.state, has_room=has_room))

    async def say_rules(self, switch: Switch) -> Outputs | None:
        """What to write if the partition is not judged as `switch` says yet; call `rules_said` afterwards.

        Raises as `tick`.
        """
        said, at = self._rules_said
        if said == switch.change and time.monotonic() - at < SAY_RULES_SECONDS:
            return None
        return await self._own_record(lambda: self.stage.say_rules(self.state, switch))

    def rules_said(self, change: int) -> None:
        """Note that a change of rules is written."""
        self._rules_said = change, time.monotonic()

    async def _own_record(self, made: Callable[[], OutputRecord | None]) -> Outputs | None:
        try:
            record = made()
            if record is None:
                return None
            outputs = Outputs(self._writer, self.place.partition)
            await outputs.add([record])
        except OF_THE_PROCESS:
            raise
        except Exception as error:
            raise NotApplied([]) from error
        return outputs

    def ticked(self) -> None:
        """Note that the tick is written."""
        self.last_applied_at = time.monotonic()
        self._observer.ticked(self.place.partition)

    def fetch_again(self) -> None:
        """Fetch every source again, from the position on; what was fetched before may be left."""
        self.resting.delay({topic: 0.0 for topic in self.position if topic not in self.resting})

    async def past_markers(self) -> Position:
        """The position at the end of each source log that has only transaction markers after it."""
        return await past_markers(self._log, self.place.partition, self.position)

    def stepped_over_markers(self, position: Position) -> None:
        """Note that this position is written."""
        self.position = self.committed_position = dict(position)

    def released(self) -> None:
        """Note that the partition is given up."""
        self._observer.released(self.place.partition)

    def clocks_compared(self, ahead_ms: int) -> None:
        """Note what a transaction showed about the brokers' clocks."""
        self._observer.clocks_compared(self.place.partition, ahead_ms)

    def transaction_failed(self, *, fenced: bool) -> None:
        """Note that a transaction did not commit."""
        self._observer.transaction_failed(self.place.partition, fenced=fenced)
