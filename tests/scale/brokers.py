"""Brokers in memory that answer as Kafka's do, after a while, and count what they are asked."""

import asyncio
import contextvars
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import starmap

from aiokafka import TopicPartition

from streams.contract.wire.topics import CLAIMS, TOPICS, WORKER_PROGRESS
from streams.running.log.log import Appended, FoundOffset, Isolation, Write
from tests.model.memory_log import Brokers, MemoryLog, MemoryProducer, MemoryReader, Record

# What Kafka adds to key and value of a record, and to a batch of them.
RECORD_BYTES, BATCH_BYTES = 10, 70

# The claims topic: segments of 1 MiB (schemas/topics/claims.yaml) and Kafka's pause of the log cleaner. It
# cleans closed segments, and keeps tombstones for a day.
SEGMENT_BYTES = 1_048_576
CLEANER_SECONDS = 15.0

worker_of_task: contextvars.ContextVar[str] = contextvars.ContextVar("worker_of_task", default="")


class Counts:
    """What was asked since the last `begin`."""

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """Count from now on."""
        self.began = now
        self.requests: Counter[str] = Counter()
        self.by_second: Counter[int] = Counter()
        self.by_worker: Counter[str] = Counter()
        self.records_read: Counter[str] = Counter()
        self.bytes_read: Counter[str] = Counter()
        self.records_written: Counter[str] = Counter()
        self.bytes_written: Counter[str] = Counter()
        self.claims_read_by: Counter[str] = Counter()


class ScaleBrokers(Brokers):
    """`number` brokers that lead the partitions in turn.

    A request takes about `seconds`. Those to the coordinator of transactions take `coordinator_seconds` more.
    """

    def __init__(self, partitions: int, number: int = 6) -> None:
        super().__init__(
            dict.fromkeys(TOPICS, partitions) | {CLAIMS: 1, WORKER_PROGRESS: 1},
            self.step,
            transaction_seconds=10_000,
            fetched_records=10_000,
        )
        self.number = number
        self.seconds = 0.002
        self.coordinator_seconds = 0.0
        self.counts = Counts()
        self.size_of_claims = 0
        self._rng = random.Random(partitions)
        self._grown: dict[TopicPartition, set[asyncio.Event]] = defaultdict(set)

    def count(self, kind: str, number: int = 1) -> None:
        """Count requests of this moment."""
        counts = self.counts
        counts.requests[kind] += number
        counts.by_second[int(asyncio.get_running_loop().time())] += number
        counts.by_worker[worker_of_task.get()] += number

    def takes(self) -> float:
        """How long a request takes; never as long as another, or workers would do all at the same moments."""
        return self.seconds * self._rng.uniform(0.5, 1.5)

    def leader(self, tp: TopicPartition) -> int:
        """The broker that leads a partition."""
        return (tp.partition + len(tp.topic)) % self.number

    def leaders(self, tps: Collection[TopicPartition]) -> int:
        """How many brokers lead these."""
        return len({self.leader(tp) for tp in tps})

    async def step(self, name: str) -> None:
        """Half of a request takes this."""
        begins, kind = name.split(" ", 2)[:2]
        coordinator = begins == "before" and kind in ("init", "add", "commit", "abort", "fence")
        await asyncio.sleep(self.takes() / 2 + (self.coordinator_seconds if coordinator else 0))
        if begins == "before" and kind in ("init", "fence", "metadata"):
            self.count(kind)

    def scale_log(self) -> "ScaleLog":
        """The Log of a process."""
        return ScaleLog(self, self.step)

    def append(
        self, tp: TopicPartition, rows: Sequence[Write], writer: str = "", status: str = "committed"
    ) -> Appended:
        """Append and count."""
        size = BATCH_BYTES + sum(
            RECORD_BYTES + len(key or b"") + len(value or b"") + sum(len(k) + len(v) for k, v in headers)
            for key, value, headers in rows
        )
        self.counts.records_written[tp.topic] += len(rows) if status != "marker" else 0
        self.counts.bytes_written[tp.topic] += size
        if status == "marker":
            self.counts.requests["markers"] += 1
        if tp.topic == CLAIMS:
            self.size_of_claims += size
        appended = super().append(tp, rows, writer, status)
        if status == "committed":
            self.grown(tp)
        return appended

    async def _mark(self, transactional_id: str, tp: TopicPartition) -> None:
        await super()._mark(transactional_id, tp)
        self.grown(tp)

    def grown(self, tp: TopicPartition) -> None:
        """Wake who waits for records of a log."""
        for event in self._grown[tp]:
            event.set()

    @asynccontextmanager
    async def watching(self, tps: Collection[TopicPartition]) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever there may be records of these logs."""
        event = asyncio.Event()
        for tp in tps:
            self._grown[tp].add(event)
        try:
            yield event
        finally:
            for tp in tps:
                self._grown[tp].discard(event)

    async def clean(self) -> None:
        """Compact the closed segments of the claims log, for ever."""
        log = self.partitions[TopicPartition(CLAIMS, 0)]
        while True:
            await asyncio.sleep(CLEANER_SECONDS)
            size, active = 0, len(log.records)
            while active and size < SEGMENT_BYTES:
                active -= 1
                record = log.records[active]
                size += RECORD_BYTES + len(record.key or b"") + len(record.value or b"")
            closed = log.records[:active]
            last = {each.key: each.offset for each in log.records if each.status == "committed"}
            kept = [
                each
                for each in closed
                if each.status == "open" or (each.status == "committed" and last[each.key] == each.offset)
            ]
            log.records[:active] = kept


class ScaleLog(MemoryLog):
    """The Log of one process."""

    brokers: ScaleBrokers

    @asynccontextmanager
    async def reader(
        self, isolation_level: Isolation = "read_committed", wait_ms: int = 10
    ) -> AsyncIterator[MemoryReader]:
        """A reader whose requests wait at the brokers for records."""
        yield _Reader(self, isolation_level, wait_ms / 1000)

    def producer(self, transactional_id: str) -> MemoryProducer:
        """A producer, not started."""
        return _Producer(self, transactional_id)


class _Reader(MemoryReader):
    def __init__(self, log: ScaleLog, isolation_level: Isolation, wait_seconds: float) -> None:
        super().__init__(log, isolation_level)
        self.of = log.brokers
        self._wait_seconds = wait_seconds

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """The next records; each request waits for some at the brokers."""
        tps = partitions or tuple(self._positions)
        (topic,) = {tp.topic for tp in tps}
        kind = {CLAIMS: "fetch claims", WORKER_PROGRESS: "fetch rows"}.get(topic, "fetch state")
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_ms / 1000
        async with self.of.watching(tps) as grown:
            while True:
                grown.clear()
                self.of.count(kind, self.of.leaders(tps))
                found = await super().getmany(*tps, max_records=max_records)
                if found or loop.time() >= end:
                    return count_read(self.of.counts, found)
                try:
                    async with asyncio.timeout(min(self._wait_seconds, end - loop.time())):
                        await grown.wait()
                except TimeoutError:
                    continue
                # The same request is answered now.
                found = await super().getmany(*tps, max_records=max_records)
                if found:
                    return count_read(self.of.counts, found)

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offsets."""
        self.of.count("offsets", self.of.leaders(partitions))
        return await super().beginning_offsets(partitions)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The last stable offsets."""
        self.of.count("offsets", self.of.leaders(partitions))
        return await super().end_offsets(partitions)


class _Producer(MemoryProducer):
    """Counts requests as aiokafka makes them: one to each broker for all its partitions."""

    def __init__(self, log: ScaleLog, transactional_id: str) -> None:
        super().__init__(log, transactional_id)
        self.of = log.brokers

    async def commit_transaction(self) -> None:
        """Commit."""
        self.of.count("add partitions")
        self.of.count("produce", self.of.leaders(starmap(TopicPartition, self._destinations)))
        self.of.count("commit")
        await super().commit_transaction()

    async def offsets_by_time(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, FoundOffset]:
        """Offsets."""
        self.of.count("offsets", self.of.leaders(times))
        return await super().offsets_by_time(times)


def count_read(
    counts: Counts, found: Mapping[TopicPartition, Sequence[Record]]
) -> Mapping[TopicPartition, Sequence[Record]]:
    """Count what a fetch returned."""
    for tp, records in found.items():
        counts.records_read[tp.topic] += len(records)
        if tp.topic == CLAIMS:
            counts.claims_read_by[worker_of_task.get()] += len(records)
        counts.bytes_read[tp.topic] += sum(
            RECORD_BYTES + len(each.key or b"") + len(each.value or b"") for each in records
        )
    return found
