"""Reads the states of the partitions that a worker takes over, a few at a time, and says how far it is."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import structlog
from aiokafka import TopicPartition

from streams.running.errors import OwnershipLost
from streams.running.log.claims import StatePartition
from streams.running.log.log import Log, Reader
from streams.running.log.source_logs import (
    LogBounds,
    last_applied,
    require_partition_count,
    require_same_log,
)
from streams.running.log.state_log import Blocked, anything_follows
from streams.running.log.writer import Writer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.takeover.takeover import ClaimsView

logger = structlog.get_logger(__name__)

# How many consumers read state at the same time. Each has a connection to every broker, and may fetch 16 MiB
# at once. With 48 partitions of 5,000 state records all at once held the event loop up for as long as 6 s, 8
# for 1.1 s at most.
CONSUMERS = 8

# Seconds between two lines in the log about the progress of a takeover. Most are over before the first one.
PROGRESS_SECONDS = 1.0

Owners = dict[StatePartition, PartitionOwner[Any]]


class Kept(NamedTuple):
    """A partition that was released, and the end of its state log then.

    Its state is right if nothing follows.
    """

    owner: PartitionOwner[Any]
    end: int


class StateReading:
    """One takeover's reading: `read` partitions with `records` state records so far.

    The others kept their state. `new` are fresh owners of all partitions, `kept` those that this worker had
    before. What turns out to be out of date is removed from `kept`, also when the reading is interrupted.
    """

    def __init__(
        self,
        log: Log,
        writer: Writer,
        view: ClaimsView,
        new: Mapping[StatePartition, PartitionOwner[Any]],
        kept: dict[StatePartition, Kept],
    ) -> None:
        self.read = 0
        self.records = 0
        self._log = log
        self._writer = writer
        self._view = view
        self._new = new
        self._kept = kept
        self._owners: Owners = {}
        self._begun: list[PartitionOwner[Any]] = []
        # Stages with a partition whose position was checked, now or when it was taken over.
        self._with_position = {place.stage for place in kept}
        self._said_at = time.monotonic()

    async def owners(self) -> Owners:
        """Return the owners with their states as of now. All who wrote before must be fenced."""
        ends = await self._writer.ends([owner.state_log for owner in self._new.values()])
        self._owners |= {
            place: kept.owner
            for place, kept in self._kept.items()
            if place in self._new and kept.end == ends[kept.owner.state_log]
        }
        places = [place for place in self._new if place not in self._owners]
        for place in places:
            if place not in self._kept:
                self._begin(self._new[place])
        try:
            read = [self._new[place] for place in places]
            bounds = await self._writer.bounds(
                [log for owner in read for log in (owner.state_log, *owner.source_logs())]
            )
            to_read = iter(places)
            # The first error cancels the others and waits for them.
            async with asyncio.TaskGroup() as tasks:
                readers = min(CONSUMERS, len(places))
                running = [tasks.create_task(self._read(to_read, bounds, ends)) for _ in range(readers)]
            if any(task.cancelled() for task in running):
                # Not by our code, and a task group does not take it for an error.
                raise OwnershipLost("reading the state was cancelled before it ended")
            await self._check_positions(bounds)
        except BaseException as error:
            for owner in self._begun:
                owner.released()
            if isinstance(error, BaseExceptionGroup):
                # The log is clearer with the first error alone.
                raise error.exceptions[0] from None
            raise
        return {place: self._owners[place] for place in self._new}

    async def _check_positions(self, bounds: LogBounds) -> None:
        """Check against the source logs what needs the brokers: a few requests for all partitions."""
        read = [owner for owner in self._begun if owner.place in self._owners]
        positions = {
            TopicPartition(topic, owner.place.partition): source
            for owner in read
            for topic, source in owner.position.items()
        }
        times = last_applied(bounds, positions)
        found = await self._writer.offsets(times)
        # Another log has no record with the same time. The answer is another record also where a broker's
        # clock went back.
        doubtful = [
            tp
            for tp, at in times.items()
            if found[tp].timestamp != at or found[tp].offset >= positions[tp].next_offset
        ]
        # The position of any partition of a stage has shown that their number is right.
        without = {owner.place.stage: owner for owner in read if owner.place.stage not in self._with_position}
        if not doubtful and not without:
            return
        async with self._log.reader() as consumer:
            for tp in doubtful:
                await require_same_log(consumer, tp, positions[tp])
            for owner in without.values():
                partitions = await self._writer.partition_count(owner.source_logs()[0].topic)
                await require_partition_count(consumer, owner.state_log, partitions)

    async def _read(
        self, places: Iterator[StatePartition], bounds: LogBounds, ends: Mapping[TopicPartition, int]
    ) -> None:
        # One consumer reads one partition after the other: each start costs as much as reading a small
        # partition.
        async with self._log.reader() as consumer:
            for place in places:
                owner = self._new[place]
                end = ends[owner.state_log]
                blocked = partial(self._end_after_fencing_newcomers, owner.state_log)
                kept = self._kept.get(place)
                if kept is not None:
                    if not await _changed(consumer, kept, end, blocked):
                        self._owners[place] = kept.owner
                        continue
                    # What is in memory is out of date, also if the next rebalance interrupts this.
                    del self._kept[place]
                    self._begin(owner)
                loaded = await owner.restore(consumer, bounds, end, blocked)
                if loaded is not None:
                    if loaded.has_position:
                        self._with_position.add(place.stage)
                    self.records += loaded.records
                self.read += 1
                self._owners[place] = owner
                self._say()

    def _begin(self, owner: PartitionOwner[Any]) -> None:
        self._begun.append(owner)
        owner.to_be_restored()

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._said_at >= PROGRESS_SECONDS:
            self._said_at = now
            logger.info(
                "taking over partitions", done=self.read, of=len(self._begun), state_records=self.records
            )

    async def _end_after_fencing_newcomers(self, log: TopicPartition, _end: int) -> int:
        await self._view.fence_newcomers()
        await self._writer.end_leftovers([log])
        return (await self._writer.ends([log]))[log]


async def _changed(consumer: Reader, kept: Kept, end: int, blocked: Blocked) -> bool:
    """Whether anybody wrote to the state since it was given up. Markers change nothing."""
    if kept.end > end:
        # Another log: the topic was deleted and created again.
        return True
    return await anything_follows(consumer, kept.owner.state_log, kept.end, end, blocked)
