"""Faust's consumer, bent where its defaults lose or repeat records. Every private name is covered by a contract test."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import aiokafka
import structlog
from aiokafka.consumer.fetcher import OffsetResetStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.runtime.patches.closable_fetcher import fetch_closably
from streams.runtime.patches.fetched_range import fetch_ranges
from streams.runtime.patches.fetched_records import fetch_named_tuples
from streams.runtime.patches.group_member import join_groups_so
from streams.runtime.patches.lenient_records import read_leniently

logger = structlog.get_logger(__name__)

# How long the broker may hold a fetch back that finds nothing new. aiokafka has one fetch at a time under way to each
# broker, and it asks only for partitions whose last records were taken: while it waits for those, news of all the
# others waits too. With Faust's 1500 ms that was measured as pauses of 1.5 s at 2,500 reports a second.
FETCH_WAIT_MS = 20

# Ten heartbeats, and half of a session. A loop that is busy holds an answer up for a second at most.
UNANSWERED_SECONDS = 5.0

# How long the consumer may take to leave the group, and to commit the offsets that only lag tools read. A broker that
# does not even refuse would let it wait for a minute and a half, and Kubernetes grants a worker a third of that. The
# group notices by itself after the session.
LEAVING_SECONDS = 5.0
OFFSETS_SECONDS = 3.0


class Fetched(NamedTuple):
    """How far a partition was fetched, as offsets.

    `position` is the next to fetch, behind any transaction markers; `last_record` that of the newest record that came,
    -1 for none. The log as the last fetch saw it ends before `end`; what stands from `stable_end` on waits for a
    transaction to end.
    """

    position: int
    last_record: int
    stable_end: int
    end: int


class ReadCommittedThread(driver.AIOKafkaConsumerThread):
    """Faust reads uncommitted records unless its own, broken, exactly-once mode is on."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.last_records: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        read_leniently()
        fetch_named_tuples()
        fetch_ranges()
        fetch_closably()
        join_groups_so()
        consumer = super()._create_worker_consumer(transport)
        # Read when the consumer starts its fetcher, which is after this returns.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def on_thread_stop(self) -> None:
        """Leave the group and close, or close alone if nobody answers: the process waits for this thread."""
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                await super().on_thread_stop()
        except TimeoutError:
            logger.warning("stopped without leaving the group: the brokers do not answer")

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the group's offsets, or leave it: whoever stops, or hands partitions over, waits for this."""
        try:
            async with asyncio.timeout(OFFSETS_SECONDS):
                committed: bool = await super()._commit(offsets)
        except TimeoutError:
            logger.warning("offsets of the group not committed: the brokers do not answer")
            return False
        return committed

    def _stopped_set(self) -> None:
        # A thread that crashed has closed its loop, and mode would log an error of its own over the one that matters.
        if self.thread_loop.is_closed():
            self._stopped.set()
        else:
            super()._stopped_set()

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """Fetch, and remember how far the records went: only they tell what is still to be applied."""
        fetched = await super().getmany(active_partitions, timeout)
        self.last_records.update((tp, records[-1].offset) for tp, records in fetched.items() if records)
        return fetched

    def fetched(self, tp: TP) -> Fetched | None:
        """How far a partition was fetched; None before its first fetch came back."""
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(tp)
        if state is None or state.highwater is None or not state.has_valid_position:
            return None
        return Fetched(state.position, self.last_records.get(tp, -1), state.lso, state.highwater)

    def partitions(self, topic: str) -> int | None:
        """How many a topic has; None while no broker has told us."""
        found = self._ensure_consumer().partitions_for_topic(topic)
        return len(found) if found else None

    def in_touch(self) -> bool:
        """Whether the brokers answer: a heartbeat was answered lately."""
        answered_at: float = self._ensure_consumer()._coordinator.answered_at  # noqa: SLF001
        return time.monotonic() - answered_at < UNANSWERED_SECONDS

    def allow_resets(self, allowed: bool) -> None:
        """Whether aiokafka may look for another offset where the broker does not have the one it asks for."""
        strategy = OffsetResetStrategy.EARLIEST if allowed else OffsetResetStrategy.NONE
        self._ensure_consumer()._fetcher._default_reset_strategy = strategy  # noqa: SLF001


class PositionedConsumer(driver.Consumer):
    """Starts every partition at the position its owner restored, whatever the group's committed offset says."""

    _thread: ReadCommittedThread
    # The generation whose assignment stands, None in a rebalance, and whether its positions were sought.
    _generation: int | None = None
    _sought = False

    def _new_consumer_thread(self) -> ReadCommittedThread:
        return ReadCommittedThread(self, loop=self.loop, beacon=self.beacon)

    def fetched(self, tp: TP) -> Fetched | None:
        """How far a partition was fetched; None before its first fetch came back."""
        return self._thread.fetched(tp)

    def partitions(self, topic: str) -> int | None:
        """How many a topic has; None while no broker has told us."""
        return self._thread.partitions(topic)

    def in_touch(self) -> bool:
        """Whether the brokers answer."""
        return self._thread.in_touch()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Give partitions up. What comes next may have no offset anywhere before `perform_seek`."""
        self._generation, self._sought = None, False
        self._thread.allow_resets(True)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Learn what is to be taken over."""
        self._generation = generation_id
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Seek to the restored positions. Faust calls it after a rebalance and when a fetch comes back while paused.

        Does nothing once the next rebalance has begun: what that one assigns is sought in its turn.
        """
        generation, assignment = self._generation, self.assignment()
        positions: Mapping[TP, int] = self.app.restored_positions()  # type: ignore[attr-defined]
        if generation is None or not positions.keys() >= assignment:
            return
        offsets = {tp: positions[tp] for tp in assignment}
        await self._thread.seek_wait(offsets)
        if generation != self._generation:
            return
        # From here on a missing offset means that retention overtook us or that the topic was recreated. A reset would
        # pass over reports without a word, so let it be an error: the next takeover says what is wrong.
        self._thread.allow_resets(False)
        for tp, offset in offsets.items():
            # None: Faust takes 0 for "nothing read yet".
            self._read_offset[tp] = offset or None
            self._committed_offset[tp] = None
        self._sought = True

    def resume_flow(self) -> None:
        """Let records through, once the positions of the assignment that stands were sought.

        Faust would do so too for a takeover that ends after the next rebalance has begun. Records that came through in
        the middle of one were never applied.
        """
        if self._sought:
            super().resume_flow()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Batches leave gaps by design; Faust's bookkeeping of them would commit one batch per interval."""

    def _new_offset(self, tp: TP) -> int | None:
        """The group's offset serves lag tools only, and acks come in order: the newest ack is enough."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1


class PositionedTransport(driver.Transport):
    """Aiokafka's transport with the consumer above."""

    Consumer: ClassVar[Any] = PositionedConsumer
