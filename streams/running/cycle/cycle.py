"""The cycle: apply what arrived for all partitions, commit it in one transaction, acknowledge it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from streams.running.alignment.alignment import Alignment
from streams.running.alignment.arrival import Arrival
from streams.running.alignment.progress_row import ProgressRow
from streams.running.cycle.batches import batch_bytes
from streams.running.cycle.own_hops import OwnHops
from streams.running.cycle.pace import PACE_SECONDS, Pace
from streams.running.cycle.set_aside import rest_sources, set_aside, wake_sources
from streams.running.cycle.trace import Trace, untraced
from streams.running.errors import OwnershipLost
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.log import Destination, Write
from streams.running.log.memory import MAX_POLLED_BYTES
from streams.running.log.transaction import Follow, Writes
from streams.running.log.writer import Writer
from streams.running.partitions.outputs import merged
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.prepared import Prepared
from streams.running.partitions.setback import NotApplied, NotWritable
from streams.running.takeover.ownership import Ownership

# Memory of the records that may wait for the next cycle: 20,000 reports of 400 bytes, a third of a second to
# a second of work. Records that lead to more than one transaction may hold are continued in the next cycle,
# together with what arrived meanwhile.
MAX_CYCLE_BYTES = 20_000_000

# When what is to be written reaches this size, the partitions that remain wait for the next cycle: a
# transaction may last 20 seconds. A partition alone writes no more than 32 MiB (see
# deciding/partition/limits.py).
MAX_TRANSACTION_BYTES = 48 * 1024 * 1024

# Up to so much memory of records their three hops are one transaction: some 2,000 reports, a third of a
# second of work. With more, it saves more time to apply the next records while the last ones are committed.
# With a quarter of it, a worker with 48 partitions at 1,000 reports a second fell back to three transactions
# after each slow one, and its median rose from .5 to 1.3 s.
MAX_FOLLOWED_BYTES = 4_000_000


class _Applied(NamedTuple):
    owner: PartitionOwner[Any]
    prepared: Prepared | None
    arrivals: list[Arrival]


class _Results(NamedTuple):
    """What became of arrivals: `errors` concern the whole process, and `left` was not tried."""

    applied: list[_Applied]
    failed: list[tuple[PartitionOwner[Any], NotApplied, list[Arrival]]]
    errors: list[Exception]
    left: list[Arrival]


class Cycle:
    """Where the stages of a process hand over what they fetched.

    `run` does the rest, and `trace` follows its transactions. `alignment` says what may be applied.
    """

    def __init__(self, app: Any, ownership: Ownership, writer: Writer, alignment: Alignment) -> None:
        self.trace: Trace = untraced
        self._alignment = alignment
        self._app = app
        self._ownership = ownership
        self._writer = writer
        self._held: list[Arrival] = []
        self._held_bytes = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self.pace = Pace()
        # The generation that `ownership` follows, and the number of rebalances until then.
        self._generation: int | None = None
        self._rebalances = 0
        # Held while records are applied: partitions are not taken over again meanwhile. And how often they
        # were: what was admitted before is of no use after it.
        self._applying = asyncio.Lock()
        self._begun = 0

    def follow(self, generation: int, rebalances: int) -> None:
        """Apply what was fetched in this generation, until the app has begun another rebalance."""
        self._generation, self._rebalances = generation, rebalances

    async def hand_over(self, stage: str, event: Any) -> None:
        """Apply a fetched batch with the next cycle. Waits while enough is there for that."""
        message, size = event.message, batch_bytes(event)
        place = StatePartition(stage, message.partition)
        self._held.append(Arrival(place, message.topic, event.value, size, event))
        self._held_bytes += size
        self.begin()
        while self._held_bytes > MAX_CYCLE_BYTES:
            self._room.clear()
            await self._room.wait()

    def begin(self) -> None:
        """Begin a cycle: there is something to apply."""
        self._came.set()

    async def run(self) -> None:
        """Run cycles for ever; any exception must stop the worker."""
        while True:
            await self._came.wait()
            if self._held_bytes < MAX_POLLED_BYTES:
                await asyncio.sleep(self.pace.wait_seconds())
                await self._handed_over()
            # Between two cycles the chores and rebalances get the lock if they wait for it.
            async with self._ownership.write_lock.of_a_cycle():
                held, self._held, self._held_bytes = self._held, [], 0
                self._came.clear()
                self._room.set()
                begun = self._begun
                wanted = await self._wanted(held)
                left = await self._apply(wanted, begun) if wanted else []
                if left:
                    self._held[:0] = left
                    self._held_bytes += sum(each.size for each in left)
                    self._came.set()
                if not self._held:
                    await self._ownership.write_lock.written()

    async def _handed_over(self) -> None:
        """Wait for the rest of a fetch, whose ranges are handed over one after the other.

        What comes late waits for the next cycle.
        """
        until = time.monotonic() + PACE_SECONDS
        # With MAX_POLLED_BYTES a cycle waits for nothing more, as in `run`.
        while (  # noqa: ASYNC110 - the streams take a turn each time
            self._app.has_queued() and self._held_bytes < MAX_POLLED_BYTES and time.monotonic() < until
        ):
            await asyncio.sleep(0)

    async def _wanted(self, held: list[Arrival]) -> list[Arrival]:
        """What is to be applied.

        The rest is acknowledged, since rebalances wait for that, and will be fetched again, or is kept until
        other sources have been read as far.
        """
        app = self._app
        wanted, dropped = [], []
        resting: set[TP] = set()
        # A rebalance and a stop wait for what was taken; with many due steps before it that could be minutes.
        ends = app.rebalancing_count != self._rebalances or app.should_stop
        for arrival in held:
            place, topic, records, _, event = arrival
            owner = self._ownership.owners.get(place)
            if ends or owner is None or self._is_outdated(event):
                arrival.acknowledge()
            elif owner.takes(topic, records):
                if owner.passes_over(topic, records):
                    arrival.acknowledge()
                else:
                    wanted.append(arrival)
            else:
                dropped.append(arrival)
                if owner.rests(topic):
                    resting.add(TP(topic, place.partition))
        await rest_sources(app.consumer, resting, dropped)
        return [] if ends else await self._alignment.admit(wanted)

    def _is_outdated(self, event: Any) -> bool:
        """Whether something was fetched in another generation. What alignment kept is of this one."""
        return event is not None and event.message.generation_id != self._generation

    async def _apply(self, wanted: list[Arrival], begun: int) -> list[Arrival]:
        """Apply arrivals, leave one transaction of their results under way, and return those not done.

        The others are acknowledged when it is committed. A partition that fails is left out of the
        transaction and set aside. An error that concerns the whole process is raised after the others are
        committed. With few records the transaction is complete at the end, with what follows from it in
        partitions of this process. If the partitions are taken over again since `begun`, all is dropped.
        """
        write_lock = self._ownership.write_lock
        self.pace.begin(sum(len(each.records) for each in wanted))
        began = time.time_ns()
        async with self._applying:
            results = await self._apply_each(wanted if begun == self._begun else [])
        left, errors = results.left, results.errors
        for _, prepared, arrivals in results.applied:
            left += arrivals[_done(prepared, arrivals) :]
        # As of what is applied now: the next cycle may go on before this is committed.
        row = self._alignment.row_to_write()
        await write_lock.written()
        if begun != self._begun:
            # That did not commit, so what was applied after it is worthless as well.
            for each in wanted:
                each.acknowledge()
            return []
        while results.failed:
            # What was applied of it before is right. Not after the commit: code that keeps the error keeps
            # the partition's state in memory.
            await set_aside(self._app.consumer, *results.failed.pop())
        # The state of a partition with an error may be half changed.
        follows = not errors and sum(each.size for each in wanted) <= MAX_FOLLOWED_BYTES
        hops = OwnHops(self._ownership.owners if follows else {}, self._writer.troubles, self.trace, began)
        write_lock.leave_under_way(self._commit(results.applied, hops, row))
        if errors or follows:
            # What follows changes the state of partitions.
            await write_lock.written()
            await self._end_hops(hops, errors)
        return left

    async def _apply_each(self, wanted: list[Arrival]) -> _Results:
        by_place: dict[StatePartition, list[Arrival]] = defaultdict(list)
        for arrival in wanted:
            by_place[arrival.place].append(arrival)
        results = _Results([], [], [], [])
        size = 0
        for place, arrivals in by_place.items():
            if size > MAX_TRANSACTION_BYTES:
                results.left.extend(arrivals)
                continue
            owner = self._ownership.owners.get(place)
            if owner is None:
                # This is the end, or the transaction under way has failed: then `written` raises why.
                results.errors.append(OwnershipLost("partitions were given up while records were applied"))
                break
            try:
                prepared = await owner.apply(
                    [(each.topic, each.records) for each in arrivals], self._alignment.limits(place)
                )
                if prepared is not None and (blocking := self.blocking(prepared.writes)):
                    raise NotWritable(blocking)
            except NotApplied as failed:
                results.failed.append((owner, failed, arrivals))
                continue
            except Exception as error:  # noqa: BLE001 - raised once the others are committed
                results.errors.append(error)
                continue
            results.applied.append(_Applied(owner, prepared, arrivals))
            if prepared is not None:
                size += prepared.size
                self._alignment.applied(owner, prepared)
        return results

    async def _end_hops(self, hops: OwnHops, errors: list[Exception]) -> None:
        for owner, failed in hops.failed:
            if not self._is_replaced(owner):
                await set_aside(self._app.consumer, owner, failed)
        for error in errors + hops.errors:
            raise error

    async def _commit(self, applied: list[_Applied], hops: OwnHops, row: ProgressRow | None) -> None:
        to_write = [(each.owner, each.prepared) for each in applied if each.prepared is not None]
        if to_write:
            started = time.monotonic()
            said = self._alignment.writes(row)
            if self.blocking(said):
                said = {}
            try:
                with hops.tracing(to_write):
                    await self.write(
                        [owner for owner, _ in to_write],
                        [*(prepared.writes for _, prepared in to_write), said],
                        hops,
                    )
            except DestinationTrouble:
                for each in applied:
                    for arrival in each.arrivals:
                        arrival.acknowledge()
                return
            if row is not None:
                self._alignment.said(row)
            seconds = time.monotonic() - started
            # With what followed the next records need no cycles of their own for their further hops.
            self.pace.end(seconds / 2 if hops.applied else seconds)
            for owner, prepared in to_write + hops.applied:
                owner.committed(prepared, seconds)
            self._pass_over(owner for owner, _ in hops.applied)
        for each in applied:
            for arrival in each.arrivals[: _done(each.prepared, each.arrivals)]:
                arrival.acknowledge()

    def _pass_over(self, owners: Iterable[PartitionOwner[Any]]) -> None:
        """Fetch nothing of what was applied as it was written."""
        for owner in owners:
            log = owner.internal_log
            self._app.consumer.pass_over(TP(*log), owner.committed_position[log.topic].next_offset)

    async def write(
        self,
        owners: list[PartitionOwner[Any]],
        parts: Iterable[dict[Destination, list[Write]]],
        follow: Follow | None = None,
    ) -> None:
        """Write what some partitions have, and what follows from it, in one transaction.

        Raises OwnershipLost when it did not commit; then this worker owns nothing any more. After a
        DestinationTrouble it owns the same partitions again, as they were committed.
        """
        try:
            ahead = await self._write(merged(parts), follow)
        except DestinationTrouble:
            owners[0].transaction_failed(fenced=False)
            raise
        except OwnershipLost as lost:
            self._ownership.owners.clear()
            owners[0].transaction_failed(fenced=lost.fenced)
            raise
        for owner in owners:
            owner.clocks_compared(ahead)

    async def write_notes(self) -> None:
        """Write to the log of claims, with the write lock, what this worker has to note there.

        Raises as `write` does.
        """
        writes = self._ownership.notes()
        if writes and not self.blocking(writes):
            await self._write(writes)

    async def _write(self, writes: Writes, follow: Follow | None = None) -> int:
        try:
            return await self._writer.write(writes, follow)
        except DestinationTrouble:
            await self._begin_again()
            raise

    async def claim_what_waits(self) -> None:
        """Take the partitions over, with the write lock, if they wait for the log of claims alone."""
        ownership = self._ownership
        if ownership.waits_for_claims and await ownership.claims_have_leader():
            await self._begin_again()

    def blocking(self, writes: Mapping[Destination, Sequence[Write]]) -> list[Destination]:
        """The destinations of some writes that take no records now."""
        troubles = self._writer.troubles
        return troubles.blocking(writes) if troubles else []

    async def _begin_again(self) -> None:
        """Take all partitions over again, and fetch their sources from the committed positions on."""
        async with self._applying:
            self._begun += 1
            await self._ownership.take_over_again()
            self._alignment.follow_again()
            tps = []
            for place, owner in self._ownership.owners.items():
                owner.fetch_again()
                tps += [TP(topic, place.partition) for topic in owner.position]
            await rest_sources(self._app.consumer, tps, ())
            await wake_sources(self._app.consumer, self._ownership)

    def _is_replaced(self, owner: PartitionOwner[Any]) -> bool:
        return self._ownership.owners.get(owner.place) is not owner


def _done(prepared: Prepared | None, arrivals: list[Arrival]) -> int:
    """How many of the arrivals are done when what was prepared is committed."""
    return len(arrivals) if prepared is None else prepared.progress.ranges
