"""Reads the sources of a worker side by side with those of the fleet: see rule.py for who waits for whom."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from faust.types import TP

from streams.contract.wire.topics import WORKER_PROGRESS
from streams.running.alignment.arrival import Arrival
from streams.running.alignment.limits import LIVE_MS, ROW_SECONDS, SILENCE_SECONDS
from streams.running.alignment.passage import Owners, Passage
from streams.running.alignment.progress_row import ProgressRow, encode_row
from streams.running.alignment.rule import Fleet
from streams.running.alignment.source import Source, drop_beyond
from streams.running.alignment.standing import Standing
from streams.running.log.claims import StatePartition
from streams.running.log.log import Destination, Write
from streams.running.log.writer import Writer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.prepared import Prepared
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# How often to look whether sources may be read further: while they wait, and otherwise. The second one is
# often enough to know that a source was drained a moment ago (LIVE_MS), and costs an idle worker nothing.
LOOK_SECONDS = 0.025
IDLE_SECONDS = 5.0

# How long after a takeover an idle partition gets no ticks: until then the others have said whether they are
# behind.
SETTLING_SECONDS = 3.0


class Alignment:
    """What one worker knows and says of the sources of its stages."""

    def __init__(self, consumer: Callable[[], Any], owners: Callable[[], Owners], writer: Writer) -> None:
        self._consumer = consumer
        self._owners = owners
        self._writer = writer
        self._sources: dict[TP, Source] = {}
        # Of sources that this worker had before.
        self._frontiers: Mapping[TP, int] = {}
        self._fleet: Fleet | None = None
        self._is_alone = True
        self._has_relays = False
        self._passage = Passage(consumer, owners, writer)
        self._limits: dict[StatePartition, dict[str, int]] = {}
        self._heard: int | None = None
        self._said: ProgressRow | None = None
        self._said_at = float("-inf")
        self._followed_at = float("-inf")
        self.news = asyncio.Event()

    @property
    def destination(self) -> Destination:
        """Where rows are written."""
        return self._writer.prefix + WORKER_PROGRESS, 0

    def follow(self, *, has_relays: bool) -> None:
        """Begin with the partitions that this worker owns now, after `leave`.

        `has_relays`: whether a stage of the workers is a relay.
        """
        owners = self._owners()
        self._has_relays = has_relays
        for place, owner in owners.items():
            for topic in map(owner.topic, owner.stage.aligned):
                tp = TP(topic, place.partition)
                # Nothing is known of a partition whose logs have no leader.
                position = owner.position.get(topic)
                source = Source(place, topic, (position and position.last_append_time) or 0)
                # It stays true: the position only moves on.
                source.frontier = self._frontiers.get(tp)
                self._sources[tp] = source
        self._passage.follow()
        self._limits = {}
        self._followed_at = time.monotonic()
        self._meet(has_relays=has_relays)

    def follow_again(self) -> None:
        """Begin again with the same partitions, whose owners are others."""
        self.leave()
        self.follow(has_relays=self._has_relays)

    def leave(self) -> None:
        """Forget the partitions of this worker, but for how far their sources were read."""
        self._frontiers = {
            tp: source.frontier for tp, source in self._sources.items() if source.frontier is not None
        }
        self._sources, self._limits, self._said = {}, {}, None
        self._passage.leave()
        self._followed_at = time.monotonic()

    def _meet(self, *, has_relays: bool) -> None:
        """Find out how many partitions the fleet has, and whether all of them are this worker's."""
        places = {source.place for source in self._sources.values()}
        counts = [
            source.partitions
            for owner in self._owners().values()
            if owner.stage.aligned or owner.stage.relays
            for source in owner.position.values()
        ]
        if counts and self._fleet is None:
            self._fleet = Fleet(counts[0], has_relays=has_relays)
        self._is_alone = bool(counts) and (
            len(places) == counts[0] and self._passage.has_relays(counts[0] if has_relays else 0)
        )

    # -- What may be applied

    async def admit(self, arrivals: list[Arrival]) -> list[Arrival]:
        """Return what may be applied now, in this order, and keep what must wait.

        Without a source that is behind, that is all of it.
        """
        fleet, now, clock = self._fleet, time.monotonic(), clock_ms()
        if fleet is None or not self._sources:
            return arrivals
        sources = self._sources
        of_sources: dict[TP, list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            tp = TP(arrival.topic, arrival.place.partition)
            if tp in sources:
                of_sources[tp].append(arrival)
        self._limits = {}
        waiting = [tp for tp, source in sources.items() if source.waits()]
        if not waiting and all(sources[tp].is_live(clock) for tp in of_sources):
            return arrivals
        # First, so that it is applied before the sources that this lets go on.
        admitted = [each for each in arrivals if TP(each.topic, each.place.partition) not in sources]
        ends = {(each.place, each.topic): each.records.end for each in admitted}
        for place in {sources[tp].place for tp in (*waiting, *of_sources)}:
            self._passage.take_step(place, ends)
        asked = sorted({*waiting, *of_sources}, key=lambda tp: sources[tp].frontier or 0)
        for tp in asked:
            admitted += await self._admit_source(tp, of_sources.get(tp, []), now, clock)
        drop_beyond(sources.values())
        return admitted

    def limits(self, place: StatePartition) -> Mapping[str, int] | None:
        """Return how far the sources of a partition may be read in this cycle, by topic; None if any."""
        return self._limits.get(place)

    def applied(self, owner: PartitionOwner[Any], prepared: Prepared) -> None:
        """Note how far the sources were read of which something was applied."""
        if not owner.stage.aligned:
            return
        result, partition = prepared.result, owner.place.partition
        for topic, moment in result.reached.items():
            source = self._sources.get(TP(topic, partition))
            if source is not None:
                source.reach(moment)
        if result.ahead is not None:
            self._sources[TP(result.ahead.topic, partition)].stop(result.ahead.moment)

    async def _admit_source(self, tp: TP, arrived: list[Arrival], now: float, clock: int) -> list[Arrival]:
        source, owner = self._sources[tp], self._owners().get(self._sources[tp].place)
        if owner is None or owner.rests(source.topic):
            source.drop()
            source.paused = False
            return arrived
        dropped = [each for each in arrived if not source.keep(each, owner.expected(source.topic))]
        assert self._fleet is not None
        confirmed = self._passage.confirmed(source.place)
        until = self._fleet.until(source.frontier, source.read, confirmed, now, clock)
        if until is not None:
            self.news.set()
        if until is None or source.ahead is None or source.ahead <= until:
            if until is not None:
                self._limits.setdefault(source.place, {})[source.topic] = until
            for each in dropped:
                each.acknowledge()
            if source.paused and not source.kept:
                await self._fetch_again(tp, owner)
            return source.take()
        await self._pause(tp, dropped)
        return []

    async def _pause(self, tp: TP, dropped: Iterable[Arrival]) -> None:
        """Fetch nothing of a source while it waits, and acknowledge what is kept: rebalances wait for it."""
        source = self._sources[tp]
        pause = None if source.paused else self._consumer().rest(tp)
        source.paused = True
        for each in (*source.kept, *dropped):
            each.acknowledge()
        source.kept = type(source.kept)(each._replace(event=None) for each in source.kept)
        if pause is not None:
            await pause

    async def _fetch_again(self, tp: TP, owner: PartitionOwner[Any]) -> None:
        self._sources[tp].paused = False
        owner.resting.fetched_again(tp.topic)
        await self._consumer().wake(tp, owner.expected(tp.topic))

    # -- What is said

    def row_to_write(self) -> ProgressRow | None:
        """Return what to say in a transaction of this moment, if there is anything to say.

        Call `said` when the transaction is committed. Only who is behind is answered: rows that answer rows
        would never end.
        """
        now = time.monotonic()
        if not self.is_catching_up() or (not self._sources and self._passage.has_relays(0)):
            return None
        if not self._is_alone and now - self._said_at < ROW_SECONDS:
            return None
        return self._row(clock_ms())

    def has_to_say(self) -> bool:
        """Return whether it is time for `row_to_write`."""
        return self.is_catching_up() and time.monotonic() - self._said_at >= ROW_SECONDS

    def is_catching_up(self) -> bool:
        """Return whether a source of any worker is behind."""
        return self._fleet is not None and self._fleet.is_catching_up(time.monotonic())

    async def pause(self) -> None:
        """Wait until something is to be looked at."""
        self.news.clear()
        if self.is_catching_up():
            await asyncio.sleep(LOOK_SECONDS)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self.news.wait()

    def writes(self, row: ProgressRow | None) -> dict[Destination, list[Write]]:
        """Return the record of a row; none if this worker is alone, and tells nobody."""
        return {} if row is None or self._is_alone else {self.destination: [(None, encode_row(row), [])]}

    def said(self, row: ProgressRow) -> None:
        """Note that a transaction is committed in which a row was said."""
        self._said, self._said_at = row, time.monotonic()
        if self._is_alone and self._fleet is not None:
            self._fleet.note(row, self._said_at, clock_ms())

    def hear(self, number: int, row: ProgressRow, age_seconds: float) -> None:
        """Take a row of any worker into account; `number` is its offset."""
        self._heard = number
        # Who is alone knows more than rows of the past say.
        if self._fleet is not None and not self._is_alone:
            self._fleet.hear(number, row, time.monotonic() - age_seconds, clock_ms())
            self.news.set()

    def _row(self, clock: int) -> ProgressRow:
        owners = self._owners()
        partitions: dict[int, list[Source]] = defaultdict(list)
        left_out = []
        for source in self._sources.values():
            owner = owners.get(source.place)
            readable = partitions[source.place.partition]
            if owner is not None and not owner.rests(source.topic):
                readable.append(source)
        frontiers: dict[int, int] = {}
        held = []
        behind = False
        for partition, readable in partitions.items():
            if not readable:
                left_out.append(partition)
                continue
            reached = [(self._reached(source, owners[source.place], clock), source) for source in readable]
            frontier, least = min(reached, key=lambda pair: -1 if pair[0] is None else pair[0])
            if frontier is None:
                continue
            frontiers[partition] = frontier
            behind |= frontier < clock - LIVE_MS
            if least.ahead is not None:
                held.append(partition)
        relays = self._passage.relays()
        return ProgressRow(
            behind=behind,
            frontiers=frontiers,
            held=tuple(held),
            left_out=tuple(left_out),
            relays=tuple(relays),
            seen=self._passage.seen,
            relayed=sum(
                owner.position[owner.internal_log.topic].next_offset
                for owner in relays.values()
                if owner.position
            ),
        )

    def _reached(self, source: Source, owner: PartitionOwner[Any], clock: int) -> int | None:
        """Return up to which event time a source is read: the present, if it was found drained."""
        if not source.waits() and source.ahead is None:
            fetched = self._consumer().fetched(TP(source.topic, source.place.partition))
            if fetched is not None and owner.applied_end(source.topic, fetched) >= fetched.stable_end:
                source.reach(min(fetched.at, clock))
        return source.frontier

    # -- What is on its way

    async def look(self) -> bool:
        """Find out what was applied of the relays since, and return whether sources still wait.

        Marks what is drained as read up to the present.
        """
        fleet, now, clock = self._fleet, time.monotonic(), clock_ms()
        if fleet is None:
            return False
        if not fleet.is_catching_up(now):
            row = self._row(clock)
            if row.behind:
                fleet.note(row, now, clock)
            return False
        given_up = fleet.count_waiting(now)
        if given_up is not None:
            logger.warning(
                "the fleet does not wait for a partition any more, whose sources are read slowly: its "
                "reports are late from now on",
                partition=given_up,
                runbook="docs/runbooks/TocsinSourceGivenUp.md",
            )
        # Who is alone tells nobody.
        said = self._said.frontiers if self._is_alone and self._said is not None else {}
        await self._passage.look(fleet, None if self._is_alone else self._heard, said)
        return any(source.waits() for source in self._sources.values())

    # -- The clock of ticks, and metrics

    def tick_clock(self, owner: PartitionOwner[Any], clock: int) -> int:
        """Return the clock (ms) of a tick: while the fleet catches up, the time that all have reached.

        An idle home that went to the present would judge what is still to come as late. 0 while it is not
        known.
        """
        fleet, now = self._fleet, time.monotonic()
        if fleet is None or not owner.stage.aligned:
            return clock
        since = now - self._followed_at
        if since <= SETTLING_SECONDS:
            return 0
        if not fleet.is_catching_up(now):
            # In this order: all sources are asked for each of their partitions.
            is_new = since <= SILENCE_SECONDS
            return 0 if is_new and any(each.frontier is None for each in self._sources.values()) else clock
        least = fleet.least(now)
        return clock if least is None else min(clock, least.frontier)

    def holds(self, tp: TP) -> bool:
        """Return whether a source waits for others, so that nothing of it can be applied now."""
        source = self._sources.get(tp)
        return source is not None and source.waits()

    def standing(self) -> Standing:
        """Return where alignment stands."""
        fleet, now, clock = self._fleet, time.monotonic(), clock_ms()
        held: dict[str, int] = {}
        for source in self._sources.values():
            topic = source.topic.removeprefix(self._writer.prefix)
            held[topic] = held.get(topic, 0) + (source.ahead is not None and source.waits())
        if fleet is None or not fleet.is_catching_up(now):
            return Standing(
                {source.place.partition: 0.0 for source in self._sources.values()}, held, 0, frozenset()
            )
        behind = {
            partition: max(0, clock - frontier) / 1000
            for partition, frontier in self._row(clock).frontiers.items()
        }
        return Standing(behind, held, len(fleet.left_out(now)), frozenset(fleet.given_up))
