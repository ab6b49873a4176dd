"""Faust's thread around aiokafka's consumer: reads committed records, knows its progress, stops in time."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiokafka
import structlog
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import KafkaError
from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.running.log.fetched import Fetched
from streams.running.log.memory import MAX_ANSWER_BYTES
from streams.running.takeover.membership import SESSION_SECONDS, refusal

logger = structlog.get_logger(__name__)

# Six heartbeats. A busy worker delays an answer by a second at most.
UNANSWERED_SECONDS = SESSION_SECONDS / 2

# How long the consumer may take to leave the group, and to commit the offsets, which only lag tools read.
# With a broker that does not even refuse connections it would wait for a minute and a half, and Kubernetes
# grants a worker a third of that. If the worker cannot leave, the group notices when the session times out.
LEAVING_SECONDS = 5.0
OFFSETS_SECONDS = 3.0


class ReadCommittedThread(driver.AIOKafkaConsumerThread):
    """Reads committed records only. Faust does so only in its own exactly-once mode, which is broken."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.last_records: dict[TP, int] = {}
        # Read in the thread of the fetcher, and written in that of the app.
        self.applied: dict[TP, int] = {}
        self.assigned: tuple[frozenset[TopicPartition], set[TP]] = frozenset(), set()

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # The consumer reads these when it starts its fetcher, which is after this method returns.
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_bytes = MAX_ANSWER_BYTES
        return consumer

    async def on_start(self) -> None:
        """Start the consumer.

        Brokers that do not let it into its group end the worker with RefusedToStart.
        """
        await super().on_start()
        consumer = self._ensure_consumer()
        consumer._fetcher.collects = self.app.cycle.pace.fetch_seconds  # type: ignore[attr-defined]
        consumer._fetcher.applied = self.applied
        consumer._coordinator.when_refused = self.refuse

    def refuse(self, error: KafkaError) -> None:
        """End the worker if this error of joining the group will not pass."""
        reason = refusal(self.app.conf.id, error)

        async def end() -> None:
            assert reason is not None
            raise reason

        if reason is not None:
            # An error in this thread would be printed with a traceback.
            self.parent_loop.call_soon_threadsafe(lambda: self.app.add_future(end()))  # type: ignore[attr-defined]

    async def on_thread_stop(self) -> None:
        """Leave the group and close, or only close after LEAVING_SECONDS: the process waits."""
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                await super().on_thread_stop()
        except TimeoutError:
            logger.warning("stopped without leaving the consumer group: the brokers do not answer")

    def assignment(self) -> set[TP]:
        """The partitions of this worker, as the same set as long as they are the same.

        Faust makes a new one each time, and asks for each offset that it commits: 60 ms for 288 of them.
        """
        assigned = self._ensure_consumer().assignment()
        if assigned is not self.assigned[0]:
            self.assigned = assigned, ensure_TPset(assigned)
        return self.assigned[1]

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the group's offsets within OFFSETS_SECONDS, or skip it: stops and rebalances wait."""
        try:
            async with asyncio.timeout(OFFSETS_SECONDS):
                committed: bool = await super()._commit(offsets)
        except TimeoutError:
            logger.warning("offsets of the consumer group not committed: the brokers do not answer")
            return False
        return committed

    def _stopped_set(self) -> None:
        # A crashed thread has closed its loop. mode would fail on it, and its error would hide the one that
        # matters.
        if self.thread_loop.is_closed():
            self._stopped.set()
        else:
            super()._stopped_set()

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """Fetch, and note each partition's last record: markers after it move the fetch position, too."""
        fetched = await super().getmany(active_partitions, timeout)
        self.last_records.update((tp, records[-1].offset) for tp, records in fetched.items() if records)
        return fetched

    async def pause(self, tp: TP) -> None:
        """Request no more of a partition. What was fetched of it is dropped at the next poll."""
        # Not Faust's own pause: that leaves what was fetched in the fetcher, which then waits with further
        # requests.
        await self.call_thread(self._ensure_consumer().pause, TopicPartition(*tp))

    async def resume(self, tp: TP) -> None:
        """Request a partition again, from its position on."""
        await self.call_thread(self._ensure_consumer().resume, TopicPartition(*tp))

    def fetched(self, tp: TP) -> Fetched | None:
        """How far a partition was fetched; None before its first fetch has returned."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(tp)
        if state is None or state.highwater is None or not state.has_valid_position:
            return None
        return Fetched(
            state.position, self.last_records.get(tp, -1), state.lso, state.highwater, state.timestamp
        )

    def partitions(self, topic: str) -> int | None:
        """The topic's partition count; None until a broker has returned it."""
        found = self._ensure_consumer().partitions_for_topic(topic)
        return len(found) if found else None

    def in_touch(self) -> bool:
        """Whether the brokers have answered a heartbeat within the last UNANSWERED_SECONDS."""
        answered_at: float = self._ensure_consumer()._coordinator.answered_at
        return time.monotonic() - answered_at < UNANSWERED_SECONDS

    def member_id(self) -> str:
        """This worker's id in the group."""
        member: str = self._ensure_consumer()._coordinator.member_id
        return member

    async def is_current(self, generation: int) -> bool:
        """Ask the group whether this is still its generation, and this worker a member."""
        current: bool = await self.call_thread(self._ensure_consumer()._coordinator.is_current, generation)
        return current

    async def seek_for_good(self, offsets: Mapping[TP, int], is_current: Callable[[], bool]) -> None:
        """Seek to offsets that must exist from then on, unless the assignment is not current any more."""
        await self.call_thread(self.seek_in_thread, offsets, is_current)

    async def seek_in_thread(self, offsets: Mapping[TP, int], is_current: Callable[[], bool]) -> None:
        """What `seek_for_good` does in the thread of the fetcher."""
        # A missing offset means that retention deleted unread records or that the topic was recreated. A
        # reset would silently skip reports, so it must be an error; the next takeover names the cause. It is
        # one before anything can be fetched from these offsets: the fetcher gets no turn until all are
        # sought. And before the question, because a rebalance that begins after it allows resets again.
        self.allow_resets(False)
        if is_current():
            await self._seek_wait(self._ensure_consumer(), offsets)
        else:
            self.allow_resets(True)

    def allow_resets(self, allowed: bool) -> None:
        """Whether aiokafka may choose another offset when the broker does not have the requested one."""
        strategy = OffsetResetStrategy.EARLIEST if allowed else OffsetResetStrategy.NONE
        self._ensure_consumer()._fetcher._default_reset_strategy = strategy
