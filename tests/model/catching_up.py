"""A fleet that catches up: the real cycles and stages of several workers on brokers in memory, without a group.

Time is virtual: applying a record takes time, more on a slow worker. What the fleet finds is compared with
what the same reports lead to one after the other.
"""

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition
from faust.types import TP

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import CLAIMS, TOPICS, WORKER_PROGRESS
from streams.deciding.partition.stage import Stage
from streams.deciding.reporters.rules import compile_reporter_rules
from streams.deciding.reporters.stage import reporter_stage
from streams.deciding.reports.stage import report_stage
from streams.registry.policy import Policy
from streams.running.alignment.alignment import Alignment
from streams.running.cycle.chores import do_chores
from streams.running.cycle.cycle import Cycle
from streams.running.cycle.set_aside import keep_trying
from streams.running.cycle.side_by_side import hear_others, keep_aligned
from streams.running.log.claims import StatePartition
from streams.running.log.fetched import Fetched
from streams.running.log.log import Isolation
from streams.running.log.writer import Writer
from streams.running.partitions.observer import Observer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.partitions.prepared import Prepared
from streams.running.patches.fetched_range import FetchedRange
from streams.running.takeover.ownership import OwnedStage, Ownership
from tests.model.consumer import PausableConsumer, event_of
from tests.model.memory_log import Brokers, MemoryLog, MemoryReader, Record
from tests.model.virtual_time import BEGIN, VirtualLoop
from tests.unit.test_crowd_in_the_stage import rules_with
from tests.unit.traffic import HOUR, MINUTE, SHIPPED, levels, policy

NOW = int(BEGIN * 1000)
SOURCE, HOME, RELAY = "message-reports", "message-reports-internal", "reporters-internal"
POLICIES = (
    policy(levels=levels(*({"distinct_reporters": number} for number in (8, 20, 40, 60)))),
    policy(id="count", window="PT6H", window_ms=6 * HOUR, levels=levels({"reports": 15}, {"reports": 45})),
)
RULES = rules_with(*POLICIES)
STAGES: Mapping[str, Stage[Any, Any, Any]] = {
    "reports": report_stage(RULES),
    "reporters": reporter_stage(compile_reporter_rules(SHIPPED)),
}

# Seconds that applying a record takes, and what a fetch returns at most.
COST = 60e-6
FETCHED = 400


class Report(NamedTuple):
    """A report to publish, and the partition to which."""

    occurred: int
    partition: int
    value: bytes


def history(
    seed: int, hours: float, partitions: int, a_minute: int = 10, floods: int = 16, until: int = NOW
) -> list[Report]:
    """Reports of some hours, in the order of their times, under any keys.

    Noise in 200 channels, and floods of 20 minutes. A third has no reporter's ref; one of fifty is up to
    four minutes late.
    """
    rng = random.Random(seed)
    length = int(hours * HOUR)
    begin = until - length
    found = []

    def add(time: int, number: str, channel: str, ref: str | None) -> None:
        body: dict[str, Any] = {
            "report_id": number,
            "kind": "user_report",
            "occurred_at": rfc3339(time),
            "channel": {"ref": channel, "visibility": "public"},
            "category": "spam",
        }
        if ref is not None:
            body["reporter"] = {"kind": "user", "ref": ref, "account_age": "over_1y", "member": True}
        late = rng.randrange(4 * MINUTE) if rng.random() < 0.02 else 0
        report = Report(time, rng.randrange(partitions), msgspec.json.encode(body))
        found.append((time + late, report))

    for n in range(int(hours * 60 * a_minute)):
        ref = f"u-{rng.randrange(3_000)}" if rng.random() < 0.67 else None
        add(begin + rng.randrange(length), f"n{n}", f"quiet-{rng.randrange(200)}", ref)
    for flood in range(floods):
        begins = begin + rng.randrange(max(1, length - 20 * MINUTE))
        for n in range(rng.choice((8, 10, 12, 16, 20, 22, 40, 44, 60, 64, 90))):
            ref = f"f-{flood}-{n}" if n % 4 else None
            add(begins + rng.randrange(20 * MINUTE), f"f{flood}-{n}", f"flood-{flood}", ref)
    found.sort(key=lambda pair: pair[0])
    return [report for _, report in found]


Episodes = Mapping[tuple[str, str, str], tuple[int, int]]
"""The highest level, and how many were opened, by policy, mode and channel."""


def episodes(values: Iterable[bytes]) -> Episodes:
    """What escalations tell."""
    highest: dict[tuple[str, str, str], int] = defaultdict(int)
    opened: Counter[tuple[str, str, str]] = Counter()
    for value in values:
        event = msgspec.json.decode(value)
        key = event["policy"], event["mode"], event["channel_ref"]
        highest[key] = max(highest[key], event["level"])
        opened[key] += event["type"] == "opened"
    return {key: (highest[key], opened[key]) for key in highest}


def one_after_the_other(
    reports: Sequence[Report],
    partitions: int,
    stages: Mapping[str, Stage[Any, Any, Any]] = STAGES,
    appended: int = NOW,
) -> Episodes:
    """What reports lead to when each goes all its way before the next one."""
    states = {
        (name, n): stage.restore(n, partitions) for name, stage in stages.items() for n in range(partitions)
    }
    offsets: Counter[tuple[str, int]] = Counter()
    found = []

    def record(topic: str, partition: int, key: Any, value: Any, headers: Any) -> Record:
        offsets[topic, partition] += 1
        return Record(
            topic, partition, offsets[topic, partition], appended, key, value, list(headers), "", "committed"
        )

    for report in reports:
        waiting = deque([record(SOURCE, report.partition, b"", report.value, ())])
        while waiting:
            each = waiting.popleft()
            name = "reporters" if each.topic == RELAY else "reports"
            for output in stages[name].apply(states[name, each.partition], [each]).outputs:
                if output.topic in (HOME, RELAY):
                    waiting.append(record(output.topic, output.partition or 0, *output[2:]))
                elif output.topic in ("escalations", "escalations-shadow"):
                    found.append(output.value or b"")
                assert output.topic != "dead-letters", output.headers
    return episodes(found)


class _Reader(MemoryReader):
    """Returns as soon as there is something, as Kafka's does."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """The next records."""
        end = asyncio.get_running_loop().time() + timeout_ms / 1000
        while True:
            found = await super().getmany(*partitions, max_records=max_records)
            if found or asyncio.get_running_loop().time() >= end:
                return found
            await asyncio.sleep(0.02)


class _Log(MemoryLog):
    @asynccontextmanager
    async def reader(
        self,
        isolation_level: Isolation = "read_committed",
        wait_ms: int = 10,  # noqa: ARG002
    ) -> AsyncIterator[MemoryReader]:
        """A reader."""
        yield _Reader(self, isolation_level)


class SlowOwner(PartitionOwner[Any]):
    """Takes its time, and notes how far events were apart that are applied at their homes."""

    worker: "Worker"

    async def apply(self, ranges: Any, until: Any = None) -> Prepared | None:
        """Apply, and wait as long as that takes."""
        fleet = self.worker.fleet
        prepared = await super().apply(ranges, until)
        if prepared is not None:
            if self.stage.aligned:
                fleet.applied(self.place.partition, prepared.result.event_times)
            await asyncio.sleep(prepared.result.finished_records * COST / self.worker.speed)
            while fleet.is_stuck(self.place):
                await asyncio.sleep(0.1)
        return prepared


class _Consumer(PausableConsumer):
    """Fetches what is not paused, and hands it over."""

    def __init__(self, worker: "Worker") -> None:
        super().__init__()
        self._worker = worker
        self._reader = _Reader(worker.log, "read_committed")
        # Where the next range begins: after the one before, markers included.
        self._begins: dict[TP, int] = {}
        self._last: dict[TP, int] = {}

    def pass_over(self, tp: TP, offset: int) -> None:
        """Fetch nothing of it below an offset."""
        if offset > self._begins.get(tp, offset):
            self._reader.seek(TopicPartition(*tp), offset)
            self._begins[tp] = offset

    async def wake(self, tp: TP, offset: int) -> None:
        """Fetch it from an offset on."""
        await asyncio.sleep(0.002)
        self._reader.seek(TopicPartition(*tp), offset)
        self._begins[tp] = offset
        self._paused.discard(tp)

    async def run(self, positions: Mapping[TP, int]) -> None:
        """Fetch for ever."""
        worker, brokers = self._worker, self._worker.fleet.brokers
        self._reader.assign([TopicPartition(*tp) for tp in positions])
        self._begins |= positions
        for tp, offset in positions.items():
            self._reader.seek(TopicPartition(*tp), offset)
        while True:
            await asyncio.sleep(0.02)
            for tp in positions:
                if tp in self._paused:
                    continue
                at = TopicPartition(*tp)
                position = await self._reader.position(at)
                records = (await self._reader.getmany(at, max_records=FETCHED)).get(at, ())
                if tp in self._paused:
                    # It was paused while the fetch was under way, which is then dropped.
                    self._reader.seek(at, position)
                    continue
                end = await self._reader.position(at)
                if records:
                    self._last[tp] = records[-1].offset
                log = brokers.partitions[at]
                self._known[tp] = Fetched(
                    end, self._last.get(tp, -1), log.last_stable(), log.end, worker.fleet.clock()
                )
                if records:
                    await worker.hand_over(
                        tp, FetchedRange(records, self._begins[tp], end, 500 * len(records))
                    )
                    self._begins[tp] = end


class Worker:
    """One process with places of its own."""

    def __init__(self, fleet: "Fleet", name: str, speed: float) -> None:
        self.fleet, self.name, self.speed = fleet, name, speed
        self.log = _Log(fleet.brokers, fleet.step)
        self.writer = Writer(self.log, "")
        self.writer.transactional_id = name
        self.rebalancing_count = 0
        self.has_queued = lambda: False
        self.should_stop = False
        self.consumer = _Consumer(self)
        self._generation = 0
        stages = {
            name: OwnedStage(tuple(stage.sources), self._new_owner(stage)) for name, stage in STAGES.items()
        }
        self.ownership = Ownership(self.log, self.writer, stages)
        self.alignment = Alignment(lambda: self.consumer, lambda: self.ownership.owners, self.writer)
        self.cycle = Cycle(self, self.ownership, self.writer, self.alignment)
        self._tasks: list[asyncio.Task[None]] = []
        self._fetching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to work, without any place."""
        await self.writer.start()
        for work in (
            self.cycle.run(),
            do_chores(self, self.ownership, self.cycle, self.alignment),
            keep_aligned(self.alignment, self.ownership, self.cycle),
            hear_others(self.log, self.writer, self.alignment),
            keep_trying(self.log, self.writer, self.ownership),
        ):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def give_up(self) -> None:
        """Release all places."""
        self.rebalancing_count += 1
        if self._fetching is not None:
            self._fetching.cancel()
        await self.ownership.give_up()
        self.alignment.leave()

    async def follow(self, generation: int, places: Iterable[StatePartition]) -> None:
        """Take places over."""
        assigned = [TP(topic, n) for name, n in places for topic in STAGES[name].sources]

        async def is_current() -> bool:
            return True

        assert await self.ownership.follow(assigned, generation, self.name, is_current)
        self._generation = generation
        self.alignment.follow(has_relays=True)
        self.cycle.follow(generation, self.rebalancing_count)
        self.consumer = _Consumer(self)
        self._fetching = asyncio.create_task(self.consumer.run(self.ownership.positions()))
        self._fetching.add_done_callback(self._ended)

    def kill(self) -> None:
        """End without a word."""
        for task in (*self._tasks, self._fetching):
            if task is not None:
                task.cancel()

    async def hand_over(self, tp: TP, records: FetchedRange) -> None:
        """What Faust does with a fetch."""
        stage = "reporters" if tp.topic == RELAY else "reports"
        await self.cycle.hand_over(stage, event_of(tp, records, self._generation))

    def _new_owner(self, stage: Stage[Any, Any, Any]) -> Any:
        def new(partition: int) -> SlowOwner:
            owner = SlowOwner(stage, self.log, self.writer, partition, Observer())
            owner.worker = self
            return owner

        return new

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.fleet.error = task.exception()


class Fleet:
    """Workers of these speeds, and their brokers.

    `stuck` are places that apply nothing between two times (seconds after the start).
    """

    def __init__(self, partitions: int, speeds: Sequence[float], seed: int = 0) -> None:
        self.loop = VirtualLoop(lambda: False)
        self.partitions = partitions
        self.brokers = Brokers(
            dict.fromkeys(TOPICS, partitions) | {CLAIMS: 1, WORKER_PROGRESS: 1},
            self.step,
            transaction_seconds=10_000,
            fetched_records=10_000,
        )
        self.stuck: dict[StatePartition, tuple[float, float]] = {}
        self.disorder = 0
        self.error: BaseException | None = None
        self.workers = [Worker(self, f"worker-{n}", speed) for n, speed in enumerate(speeds)]
        self._rng = random.Random(seed)
        self._generation = 0
        self._newest: dict[int, int] = defaultdict(int)

    async def step(self, _name: str) -> None:
        """A request takes two of these."""
        await asyncio.sleep(0.001)

    def clock(self) -> int:
        """In ms since the epoch."""
        return NOW + int(self.loop.now * 1000)

    def publish(self, reports: Iterable[Report]) -> None:
        """Publish now."""
        rows = defaultdict(list)
        for report in reports:
            rows[report.partition].append((b"", report.value, []))
        for partition, each in rows.items():
            self.brokers.append(TopicPartition(SOURCE, partition), each)

    def rows(self) -> list[Record]:
        """What workers have said."""
        return self.brokers.committed(TopicPartition(WORKER_PROGRESS, 0))

    def episodes(self) -> Episodes:
        """What was found."""
        return episodes(
            record.value or b""
            for n in range(self.partitions)
            for record in self.brokers.committed(TopicPartition("escalations", n))
        )

    def applied(self, partition: int, event_times: Iterable[int]) -> None:
        """Note how much later the latest report was of those applied in a home before each one."""
        newest = self._newest[partition]
        for time in event_times:
            self.disorder = max(self.disorder, newest - time if newest else 0)
            newest = max(newest, time)
        self._newest[partition] = newest

    def number_applied(self) -> int:
        """How many reports are counted at their homes."""
        return sum(
            len(self.brokers.committed(TopicPartition("enriched-reports", n))) for n in range(self.partitions)
        )

    def is_stuck(self, place: StatePartition) -> bool:
        """Whether a place applies nothing now."""
        begin, end = self.stuck.get(place, (0, 0))
        return begin <= self.loop.now < end

    async def start(self) -> None:
        """Start all workers with their places."""
        for worker in self.workers:
            await worker.start()
        await self.rebalance()

    async def rebalance(self) -> None:
        """Give all places to workers anew."""
        await asyncio.gather(*(worker.give_up() for worker in self.workers))
        self._generation += 1
        places = [StatePartition(name, n) for name in STAGES for n in range(self.partitions)]
        self._rng.shuffle(places)
        shares = [places[number :: len(self.workers)] for number in range(len(self.workers))]
        await asyncio.gather(
            *(
                worker.follow(self._generation, share)
                for worker, share in zip(self.workers, shares, strict=True)
            )
        )

    async def until_applied(self, number: int, seconds: float) -> None:
        """Wait until so many reports are counted. Raises AssertionError if that takes longer."""
        end = self.loop.now + seconds
        while self.number_applied() < number:
            if self.error is not None:
                raise self.error
            assert self.loop.now < end, f"{self.number_applied()} of {number} applied in {seconds} s"
            await asyncio.sleep(0.1)
