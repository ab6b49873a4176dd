"""Faust's consumer without defaults that lose or repeat records: it starts where the state says."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ClassVar, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.services import WaitResults

from streams.running.log.fetched import Fetched
from streams.running.patches.consumer_thread import ReadCommittedThread
from streams.running.patches.delivery import Delivery


class PositionedConsumer(driver.Consumer):
    """Starts every partition at the position that its owner restored, not at the group's offset."""

    _thread: ReadCommittedThread
    # The generation of the current assignment, None during a rebalance; and whether its positions have been
    # sought.
    _generation: int | None = None
    _sought = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.resting: set[TP] = set()
        deliver: Callable[[Any], Coroutine[Any, Any, None]] = cast(Any, self.callback)
        self.callback = lambda message: Delivery(deliver(message))

    def _new_consumer_thread(self) -> ReadCommittedThread:
        return ReadCommittedThread(self, loop=self.loop, beacon=self.beacon)

    def fetched(self, tp: TP) -> Fetched | None:
        """How far a partition was fetched; None before its first fetch has returned."""
        return self._thread.fetched(tp)

    def partitions(self, topic: str) -> int | None:
        """The topic's partition count; None until a broker has returned it."""
        return self._thread.partitions(topic)

    def in_touch(self) -> bool:
        """Whether the brokers have answered a heartbeat lately."""
        return self._thread.in_touch()

    def membership(self) -> tuple[int, str] | None:
        """The generation and member id of the current assignment; None once a rebalance has begun."""
        return None if self._generation is None else (self._generation, self._thread.member_id())

    async def is_current(self, generation: int) -> bool:
        """Ask the group whether this is still its generation, and this worker a member."""
        return self._generation == generation and await self._thread.is_current(generation)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Give partitions up. Newly assigned ones may have no offset at all until `perform_seek`."""
        self._generation, self._sought = None, False
        self._thread.allow_resets(True)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note the new generation; its positions are sought once their owners have restored them."""
        self._generation = generation_id
        self.resting.clear()
        # The state may have been restored from a file since.
        self._thread.applied.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Seek to the restored positions.

        Faust calls it after a rebalance and when a fetch returns while paused.
        Does nothing once the next rebalance has begun: its own call seeks what it assigns.
        """
        generation, assignment = self._generation, self.assignment()
        positions: Mapping[TP, int | None] = self.app.restored_positions()  # type: ignore[attr-defined]
        if generation is None or not positions.keys() >= assignment:
            return
        # Those without a position are fetched when `wake` says from where.
        unknown = {tp for tp in assignment if positions[tp] is None}
        offsets = {tp: positions[tp] or 0 for tp in assignment}
        self.resting |= unknown
        for tp in unknown:
            await self._thread.pause(tp)
        await self._thread.seek_for_good(offsets, lambda: generation == self._generation)
        if generation != self._generation:
            return
        for tp, offset in offsets.items():
            # None, because Faust takes 0 for "nothing read yet".
            self._read_offset[tp] = offset or None
            self._committed_offset[tp] = None
        self._sought = True

    def pass_over(self, tp: TP, offset: int) -> None:
        """Fetch nothing of a partition below an offset: it is applied, and that is committed.

        Two of three ranges that a worker fetched it had written itself: with 48 partitions at 1,000 reports a
        second, 3 % of a core until they turned out to be applied.
        """
        self._thread.applied[tp] = offset
        self._acked[tp].append(offset - 1)

    def rest(self, tp: TP) -> Awaitable[None]:
        """Fetch nothing of a partition until `wake`, and drop what was fetched of it; await the result.

        What is acknowledged from this call on was not applied, so it does not move the group's offset.
        """
        self.resting.add(tp)
        return self.pause(tp)

    async def pause(self, tp: TP) -> None:
        """Fetch nothing of a partition, unless a rebalance has begun."""
        if self._sought and tp in self.assignment():
            await self._thread.pause(tp)

    async def wake(self, tp: TP, offset: int) -> None:
        """Fetch a partition that rested, from an offset on."""
        if not self._sought or tp not in self.assignment():
            # A rebalance has begun. A new assignment fetches all that it assigns, from where `perform_seek`
            # says.
            return
        await self._thread.seek_wait({tp: offset})
        # None, because Faust takes 0 for "nothing read yet".
        self._read_offset[tp] = offset or None
        self._committed_offset[tp] = None
        self.resting.discard(tp)
        if offset:
            # What waited for other sources was acknowledged while it rested, and is applied now.
            self._acked[tp].append(offset - 1)
        await self._thread.resume(tp)

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109
        """As mode's. Faust waits so for each delivery, and mode makes four tasks for one that is over."""
        if isinstance(coros[0], Delivery) and coros[0].is_over:
            for each in coros[1:]:
                each.close()
            return WaitResults([coros[0]], [None], self.should_stop)
        return await super().wait_first(*coros, timeout=timeout)

    def resume_flow(self) -> None:
        """Let records through once the positions of the current assignment have been sought.

        Faust would also do so for a takeover that ends after the next rebalance has begun. Records that were
        let through during a rebalance were never applied.
        """
        if self._sought:
            super().resume_flow()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: batches leave gaps by design, and Faust would commit one batch per gap interval."""

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the newest acknowledged one: acks come in order, and only lag tools read it."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return None if tp in self.resting else newest + 1


class PositionedTransport(driver.Transport):
    """Faust's aiokafka transport with a PositionedConsumer."""

    Consumer: ClassVar[Any] = PositionedConsumer
