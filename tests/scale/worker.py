"""A process of a worker of a large fleet: the real code, with the group and the fetching simulated."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from faust.types import TP

from streams.deciding.partition.stage import Stage
from streams.running.alignment.alignment import Alignment
from streams.running.cycle.chores import do_chores
from streams.running.cycle.cycle import Cycle
from streams.running.cycle.side_by_side import hear_others, keep_aligned
from streams.running.log.claims import StatePartition
from streams.running.log.fetched import Fetched
from streams.running.log.terms import FORMAT, Terms
from streams.running.log.writer import Writer
from streams.running.partitions.observer import Observer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.patches.fetched_range import FetchedRange
from streams.running.takeover.joining import wait_until_agreed
from streams.running.takeover.ownership import OwnedStage, Ownership
from tests.model.consumer import PausableConsumer, event_of
from tests.model.virtual_time import BEGIN
from tests.scale.brokers import ScaleBrokers, ScaleLog, count_read, worker_of_task
from tests.scale.group import Group, Joined

Stages = Mapping[str, Stage[Any, Any, Any]]

# How long a fetch waits for records, and after how long the next one follows when it found some, as in
# streams/running/patches/bounded_fetcher.py; and how many records a stage gets of a partition at a time.
FETCH_SECONDS = 0.5
PAUSE_SECONDS = 0.025
FETCHED = 400

# Those of a worker with two files of its own.
TERMS = Terms(
    "0.3.0",
    {FORMAT: ("2", "1"), "TOCSIN_HASH_KEY": ("0123456789abcdef",), "partitions": ("1000",)},
    dict.fromkeys(("policies", "scoring", "categories", "sources", "law", "platform"), "0123456789abcdef"),
)

# Is told which partitions a worker owns from now on, or no longer.
Moved = Callable[[Iterable[StatePartition], bool], None]


class Worker:
    """One process, until it ends or is killed."""

    def __init__(self, name: str, brokers: ScaleBrokers, group: Group, stages: Stages, moved: Moved) -> None:
        self.name = name
        self.again = asyncio.Event()
        self.is_dead = False
        self.takeovers = 0
        self.error: BaseException | None = None
        self._brokers = brokers
        self._group = group
        self._stages = stages
        self._moved = moved
        self._leaving = asyncio.Event()
        # What Cycle asks Faust's app.
        self.rebalancing_count = 0
        self.has_queued = lambda: False
        self.should_stop = False
        self.consumer = _Consumer(self, brokers, {})
        self._generation = 0
        self._log = ScaleLog(brokers, brokers.step)
        self.writer = Writer(self._log, "")
        # Ids that Tocsin makes are as long.
        self.writer.transactional_id = f"tocsin-{name}-0123456789ab"
        owned = {
            name: OwnedStage(tuple(stage.sources), self._new_owner(stage)) for name, stage in stages.items()
        }
        self.ownership = Ownership(self._log, self.writer, owned)
        self.ownership.agree_on(TERMS)
        self.alignment = Alignment(lambda: self.consumer, lambda: self.ownership.owners, self.writer)
        self.cycle = Cycle(self, self.ownership, self.writer, self.alignment)
        self._tasks: list[asyncio.Task[Any]] = []
        self._process: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the process."""
        token = worker_of_task.set(self.name)
        self._process = asyncio.create_task(self._run())
        self._process.add_done_callback(self._ended)
        worker_of_task.reset(token)

    def kill(self) -> None:
        """End without a word."""
        self.is_dead = True
        self._moved(self.ownership.owners, False)
        for task in (self._process, *self._tasks):
            assert task is not None
            task.cancel()

    async def stop(self) -> None:
        """End as told: release the partitions and leave the group."""
        assert self._process is not None
        self._leaving.set()
        await self._process

    async def _run(self) -> None:
        await wait_until_agreed(self._log, "", TERMS, self._group.names, lambda _: None)
        await self.writer.start()
        for work in (
            self.cycle.run(),
            do_chores(self, self.ownership, self.cycle, self.alignment),
            keep_aligned(self.alignment, self.ownership, self.cycle),
            hear_others(self._log, self.writer, self.alignment),
        ):
            self._begin(work)
        leaving = self._begin(self._leaving.wait())
        while not leaving.done():
            joined = await self._group.join(self)
            again = self._begin(self.again.wait())
            beating = self._begin(self._group.heartbeats(self))
            working = self._begin(self._work(joined))
            await asyncio.wait([again, leaving], return_when=asyncio.FIRST_COMPLETED)
            self.rebalancing_count += 1
            self._moved(self.ownership.owners, False)
            for task in (again, beating):
                task.cancel()
            if not leaving.done():
                await self.ownership.give_up()
                self.alignment.leave()
            working.cancel()
        self.should_stop = True
        await self.ownership.end()
        await self.writer.stop()
        self.is_dead = True
        self._group.leave(self)
        for task in self._tasks:
            task.cancel()

    async def _work(self, joined: Joined) -> None:
        assigned = [TP(topic, n) for topic, partitions in joined.assignment for n in partitions]
        rebalances = self.rebalancing_count

        async def is_current() -> bool:
            return await self._group.is_current(self, joined.generation)

        if not await self.ownership.follow(assigned, joined.generation, self.name, is_current):
            return
        self.takeovers += 1
        self._moved(self.ownership.owners, True)
        self.alignment.follow(has_relays=True)
        self.cycle.follow(joined.generation, rebalances)
        self._generation = joined.generation
        self.consumer = _Consumer(self, self._brokers, self.ownership.positions())
        await self.consumer.run()

    async def hand_over(self, tp: TP, records: FetchedRange) -> None:
        """What Faust does with a fetch."""
        stage = next(name for name, stage in self._stages.items() if tp.topic in stage.sources)
        await self.cycle.hand_over(stage, event_of(tp, records, self._generation))

    def _new_owner(self, stage: Stage[Any, Any, Any]) -> Callable[[int], PartitionOwner[Any]]:
        return lambda partition: PartitionOwner(stage, self._log, self.writer, partition, Observer())

    def _begin(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task in self._tasks:
            self._tasks.remove(task)
        if not task.cancelled() and task.exception() is not None:
            self.error = task.exception()


class _Consumer(PausableConsumer):
    """Fetches what is not paused: a request to each broker, which waits there for records."""

    def __init__(self, worker: Worker, brokers: ScaleBrokers, positions: Mapping[TP, int]) -> None:
        super().__init__()
        self._worker = worker
        self._brokers = brokers
        self._next = dict(positions)

    def pass_over(self, tp: TP, offset: int) -> None:
        """Fetch nothing of it below an offset."""
        if tp in self._next:
            self._next[tp] = max(self._next[tp], offset)

    async def wake(self, tp: TP, offset: int) -> None:
        """Fetch it from an offset on."""
        await asyncio.sleep(self._brokers.takes())
        self._next[tp] = offset
        self._paused.discard(tp)

    async def run(self) -> None:
        """Fetch for ever."""
        led: dict[int, list[TP]] = defaultdict(list)
        for tp in self._next:
            led[self._brokers.leader(TopicPartition(*tp))].append(tp)
        async with asyncio.TaskGroup() as tasks:
            for tps in led.values():
                tasks.create_task(self._fetch(tps))

    async def _fetch(self, tps: list[TP]) -> None:
        brokers = self._brokers
        async with brokers.watching([TopicPartition(*tp) for tp in tps]) as grown:
            while True:
                grown.clear()
                brokers.count("fetch")
                await asyncio.sleep(brokers.takes())
                if not await self._take(tps):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(FETCH_SECONDS):
                            await grown.wait()
                    if not await self._take(tps):
                        continue
                await asyncio.sleep(PAUSE_SECONDS)

    async def _take(self, tps: list[TP]) -> bool:
        found = False
        now = int((BEGIN + asyncio.get_running_loop().time()) * 1000)
        for tp in tps:
            at = TopicPartition(*tp)
            log, begin = self._brokers.partitions[at], self._next[tp]
            if tp in self._paused:
                continue
            stable, known = log.last_stable(), self._known.get(tp)
            last = -1 if known is None else known.last_record
            if begin >= stable:
                self._known[tp] = Fetched(begin, last, stable, log.end, now)
                continue
            records = []
            end = stable
            for record in log.records[log.place(begin) :]:
                if record.offset >= stable:
                    break
                if record.status == "committed":
                    records.append(record)
                    if len(records) == FETCHED:
                        end = record.offset + 1
                        break
            self._known[tp] = Fetched(end, records[-1].offset if records else last, stable, log.end, now)
            if records:
                # An empty part of the log is a part of the range that follows it.
                self._next[tp] = end
                count_read(self._brokers.counts, {at: records})
                found = True
                await self._worker.hand_over(tp, FetchedRange(records, begin, end, 500 * len(records)))
        return found
