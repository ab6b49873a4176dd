"""The cycle: apply what arrived for all partitions, commit it in one transaction, acknowledge it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from faust.types import TP

from streams.running.cycle.batches import batch_bytes
from streams.running.cycle.own_hops import OwnHops
from streams.running.cycle.pace import Pace
from streams.running.cycle.set_aside import rest_sources, set_aside
from streams.running.cycle.trace import Trace, untraced
from streams.running.errors import OwnershipLost
from streams.running.log.claims import StatePartition
from streams.running.log.log import Write
from streams.running.log.memory import MAX_POLLED_BYTES
from streams.running.log.transaction import Destination, Follow, nothing_more
from streams.running.log.writer import Writer
from streams.running.partitions.outputs import merged
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.prepared import Prepared
from streams.running.partitions.setback import NotApplied
from streams.running.takeover.ownership import Ownership

# Memory of the records that may wait for the next cycle: 20,000 reports of 400 bytes, a third of a second to
# a second of work. Records that lead to more than one transaction may hold are continued in the next cycle,
# together with what arrived meanwhile.
MAX_CYCLE_BYTES = 20_000_000

# When what is to be written reaches this size, the partitions that remain wait for the next cycle: a
# transaction may last 20 seconds. A partition alone writes no more than 32 MiB (see
# deciding/partition/limits.py).
MAX_TRANSACTION_BYTES = 48 * 1024 * 1024

# Up to so much memory of records their three hops are one transaction: some 1,000 reports, a tenth of a
# second of work. With more, it saves more time to apply the next records while the last ones are committed.
MAX_FOLLOWED_BYTES = 1_000_000


class _Applied(NamedTuple):
    owner: PartitionOwner[Any]
    prepared: Prepared | None
    events: list[Any]


class Cycle:
    """Where the stages of a process hand over what they fetched.

    `run` does the rest, and `trace` follows its transactions.
    """

    def __init__(self, app: Any, ownership: Ownership, writer: Writer) -> None:
        self.trace: Trace = untraced
        self._app = app
        self._ownership = ownership
        self._writer = writer
        self._held: list[tuple[StatePartition, Any]] = []
        self._held_bytes = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._pace = Pace()
        # The generation that `ownership` follows, and the number of rebalances until then.
        self._generation: int | None = None
        self._rebalances = 0

    def follow(self, generation: int, rebalances: int) -> None:
        """Apply what was fetched in this generation, until the app has begun another rebalance."""
        self._generation, self._rebalances = generation, rebalances

    async def hand_over(self, stage: str, event: Any) -> None:
        """Apply a fetched batch with the next cycle. Waits while enough is there for that."""
        self._held.append((StatePartition(stage, event.message.partition), event))
        self._held_bytes += batch_bytes(event)
        self._came.set()
        while self._held_bytes > MAX_CYCLE_BYTES:
            self._room.clear()
            await self._room.wait()

    async def run(self) -> None:
        """Run cycles for ever; any exception must stop the worker."""
        while True:
            await self._came.wait()
            if self._held_bytes < MAX_POLLED_BYTES:
                await asyncio.sleep(self._pace.wait_seconds())
            # Between two cycles the chores and rebalances get the lock if they wait for it.
            async with self._ownership.write_lock.of_a_cycle():
                follows = self._held_bytes <= MAX_FOLLOWED_BYTES
                held, self._held, self._held_bytes = self._held, [], 0
                self._came.clear()
                self._room.set()
                wanted = await self._wanted(held)
                left = await self._apply(wanted, follows=follows) if wanted else []
                if left:
                    self._held[:0] = left
                    self._held_bytes += sum(batch_bytes(event) for _, event in left)
                    self._came.set()
                if not self._held:
                    await self._ownership.write_lock.written()

    async def _wanted(self, held: list[tuple[StatePartition, Any]]) -> list[tuple[StatePartition, Any]]:
        """What is to be applied.

        The rest is acknowledged, since rebalances wait for that, and will be fetched again.
        """
        app = self._app
        wanted, dropped = [], []
        resting: set[TP] = set()
        # A rebalance and a stop wait for what was taken; with many due steps before it that could be minutes.
        ends = app.rebalancing_count != self._rebalances or app.should_stop
        for place, event in held:
            message = event.message
            owner = self._ownership.owners.get(place)
            if ends or owner is None or message.generation_id != self._generation:
                event.ack()
            elif owner.takes(message.topic, event.value):
                if owner.passes_over(message.topic, event.value):
                    event.ack()
                else:
                    wanted.append((place, event))
            else:
                dropped.append(event)
                if owner.rests(message.topic):
                    resting.add(TP(message.topic, message.partition))
        await rest_sources(app.consumer, resting, dropped)
        return wanted

    async def _apply(
        self, wanted: list[tuple[StatePartition, Any]], *, follows: bool
    ) -> list[tuple[StatePartition, Any]]:
        """Apply events, leave one transaction of their results under way, and return those not done.

        The others are acknowledged when it is committed. A partition that fails is left out of the
        transaction and set aside. An error that concerns the whole process is raised after the others are
        committed. With `follows` the transaction is complete at the end, with what follows from it in
        partitions of this process.
        """
        write_lock = self._ownership.write_lock
        self._pace.begin()
        began = time.time_ns()
        by_place: dict[StatePartition, list[Any]] = defaultdict(list)
        for place, event in wanted:
            by_place[place].append(event)
        applied: list[_Applied] = []
        left: list[tuple[StatePartition, Any]] = []
        errors: list[Exception] = []
        size = 0
        for place, events in by_place.items():
            if size > MAX_TRANSACTION_BYTES:
                left += [(place, event) for event in events]
                continue
            owner = self._ownership.owners[place]
            try:
                prepared = await owner.apply([(event.message.topic, event.value) for event in events])
            except NotApplied as failed:
                # What was applied of it before is right.
                await write_lock.written()
                # Not after the commit: code that keeps the error keeps the partition's state in memory.
                await set_aside(self._app.consumer, owner, failed, events)
                continue
            except Exception as error:  # noqa: BLE001 - raised once the others are committed
                errors.append(error)
                continue
            applied.append(_Applied(owner, prepared, events))
            size += prepared.size if prepared else 0
        for owner, prepared, events in applied:
            left += [(owner.place, event) for event in events[_done(prepared, events) :]]
        await write_lock.written()
        # The state of a partition with an error may be half changed.
        hops = OwnHops(self._ownership.owners if follows and not errors else {}, self.trace, began)
        write_lock.leave_under_way(self._commit(applied, hops))
        if errors or follows:
            # What follows changes the state of partitions.
            await write_lock.written()
        for owner, setback in hops.failed:
            await set_aside(self._app.consumer, owner, setback)
        if errors := errors + hops.errors:
            raise errors[0]
        return left

    async def _commit(self, applied: list[_Applied], hops: OwnHops) -> None:
        to_write = [(each.owner, each.prepared) for each in applied if each.prepared is not None]
        if to_write:
            started = time.monotonic()
            with hops.tracing(to_write):
                await self.write(
                    [owner for owner, _ in to_write],
                    [prepared.writes for _, prepared in to_write],
                    hops.follow,
                )
            seconds = time.monotonic() - started
            self._pace.end(seconds)
            for owner, prepared in to_write + hops.applied:
                owner.committed(prepared, seconds)
        for each in applied:
            for event in each.events[: _done(each.prepared, each.events)]:
                event.ack()

    async def write(
        self,
        owners: list[PartitionOwner[Any]],
        parts: Iterable[dict[Destination, list[Write]]],
        follow: Follow = nothing_more,
    ) -> None:
        """Write what some partitions have, and what follows from it, in one transaction.

        Raises OwnershipLost when it did not commit; then this worker owns nothing any more.
        """
        try:
            ahead = await self._writer.write(merged(parts), follow)
        except OwnershipLost as lost:
            self._ownership.owners.clear()
            owners[0].transaction_failed(fenced=lost.fenced)
            raise
        for owner in owners:
            owner.clocks_compared(ahead)


def _done(prepared: Prepared | None, events: list[Any]) -> int:
    """How many of the events are done when what was prepared is committed."""
    return len(events) if prepared is None else prepared.progress.ranges
