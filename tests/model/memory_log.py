"""A Log in memory: the brokers with their logs, transactions, fencing, compaction, and leaders that go away.

Every request to the brokers is two steps: before it arrives, and after it is done and before its answer
arrives. Markers are steps of their own, one for each log. Whoever makes a step function decides what happens
when.
"""

import asyncio
import contextvars
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    CoordinatorNotAvailableError,
    InvalidProducerEpoch,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    ProducerClosed,
    UnknownTopicOrPartitionError,
)

from streams.running.log.log import (
    END,
    FIRST,
    TRANSACTION_SECONDS,
    Appended,
    Destination,
    FoundOffset,
    Isolation,
    LastTransaction,
    Producer,
    Trouble,
    Write,
)

Answer = TypeVar("Answer")
Step = Callable[[str], Awaitable[None]]

# Between two attempts at a request that the brokers do not answer yet.
_PAUSE_SECONDS = 0.02


async def at_once(_name: str) -> None:
    """The step of those who do not care what happens when."""
    await asyncio.sleep(0)


@dataclass(slots=True)
class Record:
    """A record of a log, or a marker. Open until the marker of its transaction is written to this log."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    writer: str
    status: str
    timestamp_type: int = 1


@dataclass(slots=True)
class _Partition:
    records: list[Record] = field(default_factory=list)
    # By writer.
    open: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    first: int = 0
    end: int = 0
    leader_changes: int = 0
    # Appends nothing while it is not, and nobody knows why.
    appends: bool = True

    @property
    def has_leader(self) -> bool:
        """Whether anybody can read and write it."""
        return self.leader_changes % 2 == 0

    @has_leader.setter
    def has_leader(self, has_leader: bool) -> None:
        self.leader_changes += has_leader != self.has_leader

    def last_stable(self) -> int:
        return min((records[0].offset for records in self.open.values()), default=self.end)

    def place(self, offset: int) -> int:
        """The index in `records` of the first one at an offset or after it."""
        return bisect_left(self.records, offset, key=lambda record: record.offset)


@dataclass(slots=True)
class _Transactional:
    """What the coordinator knows of an id. `logs` are those of the transaction without a marker so far."""

    epoch: int = 0
    phase: str = "none"
    last: LastTransaction | None = None
    logs: list[TopicPartition] = field(default_factory=list)
    number: int = 0


class Brokers:
    """What all processes share. `step` is the one of markers."""

    def __init__(
        self,
        topics: Mapping[str, int],
        step: Step = at_once,
        transaction_seconds: float = TRANSACTION_SECONDS,
        fetched_records: int = 500,
    ) -> None:
        self.partitions = {
            TopicPartition(topic, n): _Partition() for topic, number in topics.items() for n in range(number)
        }
        self.ids: dict[str, _Transactional] = {}
        self.coordinator_answers = True
        # As Kafka 4.3 does where a log has no leader: what is open there stays open until the next marker of
        # the same id.
        self.leave_out_markers = False
        # Is called whenever something became visible for read_committed.
        self.on_commit: Callable[[TopicPartition], None] = lambda _tp: None
        self.fetched_records = fetched_records
        self._topics = dict(topics)
        self._step = step
        self.transaction_seconds = transaction_seconds
        self._markers: set[asyncio.Task[None]] = set()

    def log(self, step: Step = at_once) -> "MemoryLog":
        """The Log of a process, whose requests wait for `step`."""
        return MemoryLog(self, step)

    def topic(self, name: str) -> range:
        """The partitions of a topic."""
        if name not in self._topics:
            raise UnknownTopicOrPartitionError(name)
        return range(self._topics[name])

    def append(
        self, tp: TopicPartition, rows: Sequence[Write], writer: str = "", status: str = "committed"
    ) -> Appended:
        """Append records; return where they are."""
        log, now = self.partitions[tp], int(time.time() * 1000)
        begin = log.end
        for key, value, headers in rows:
            record = Record(*tp, log.end, now, key, value, list(headers), writer, status)
            log.records.append(record)
            log.end += 1
            if status == "open":
                log.open[writer].append(record)
        return Appended(begin, len(rows), now)

    def committed(self, tp: TopicPartition) -> list[Record]:
        """The records that read_committed shows."""
        log = self.partitions[tp]
        stable = log.last_stable()
        return [each for each in log.records if each.offset < stable and each.status == "committed"]

    def compact(self, tp: TopicPartition, *, with_tombstones: bool = True) -> None:
        """Keep the last value of each key. The newest record stays, whatever it is.

        Brokers delete a tombstone a day after the first compaction: `with_tombstones` says whether it is
        over.
        """
        log = self.partitions[tp]
        stable = log.last_stable()
        last = {each.key: each.offset for each in self.committed(tp)}
        log.records = [
            each
            for each in log.records
            if each.offset >= stable
            or each.offset == log.end - 1
            or (
                each.status == "committed"
                and (each.value is not None or not with_tombstones)
                and last[each.key] == each.offset
            )
        ]

    def delete_records(self, tp: TopicPartition, before: int) -> None:
        """Delete the beginning of a log, as retention does."""
        log = self.partitions[tp]
        log.first = before
        log.records = [each for each in log.records if each.offset >= before]

    def time_out(self, transactional_id: str) -> None:
        """End a transaction that took too long; its producer is fenced."""
        known = self.ids[transactional_id]
        if known.phase == "open":
            known.epoch += 1
            self.end(transactional_id, "aborting")

    def begin(self, transactional_id: str, tp: TopicPartition) -> None:
        """Add a log to the transaction of an id."""
        known = self.ids.setdefault(transactional_id, _Transactional())
        if known.phase == "none":
            known.phase, known.logs = "open", []
            known.last = LastTransaction("open", int(time.time() * 1000))
            known.number += 1
            asyncio.get_running_loop().call_later(
                self.transaction_seconds, self._overdue, transactional_id, known.number
            )
        if tp not in known.logs:
            known.logs.append(tp)

    def end(self, transactional_id: str, phase: str) -> None:
        """Decide a transaction. The markers follow, one by one."""
        known = self.ids[transactional_id]
        known.phase = phase
        assert known.last is not None
        known.last = known.last._replace(state="committed" if phase == "committing" else "aborted")
        for tp in known.logs:
            # Not in the context of the process that decides: the brokers go on when it is killed.
            marking = self._mark(transactional_id, tp)
            task = asyncio.get_running_loop().create_task(marking, context=contextvars.Context())
            self._markers.add(task)
            task.add_done_callback(self._markers.discard)

    def _overdue(self, transactional_id: str, number: int) -> None:
        if self.ids[transactional_id].number == number:
            self.time_out(transactional_id)

    async def _mark(self, transactional_id: str, tp: TopicPartition) -> None:
        known, log = self.ids[transactional_id], self.partitions[tp]
        status = "committed" if known.phase == "committing" else "aborted"
        await self._step(f"{status} marker of {transactional_id} in {tp.topic}-{tp.partition}")
        while not (log.has_leader or self.leave_out_markers):
            await asyncio.sleep(_PAUSE_SECONDS)
        if log.has_leader:
            for record in log.open.pop(transactional_id, ()):
                record.status = status
            self.append(tp, [(None, None, [])], transactional_id, "marker")
        known.logs.remove(tp)
        if not known.logs:
            known.phase = "none"
        if status == "committed" and log.has_leader:
            self.on_commit(tp)


class MemoryLog:
    """The Log of one process."""

    def __init__(self, brokers: Brokers, step: Step) -> None:
        self.brokers = brokers
        self._step = step

    @asynccontextmanager
    async def reader(
        self, isolation_level: Isolation = "read_committed", wait_ms: int = 10
    ) -> "AsyncIterator[MemoryReader]":
        """A reader. It holds nothing that must be given back."""
        yield MemoryReader(self, isolation_level)

    def producer(self, transactional_id: str) -> "MemoryProducer":
        """A producer, not started."""
        return MemoryProducer(self, transactional_id)

    async def request(self, name: str, answer: Callable[[], Answer]) -> Answer:
        """The answer of the brokers, between two steps; errors arrive as answers do."""
        await self._step(f"before {name}")
        failure = None
        try:
            answered = answer()
        except Exception as error:
            failure = error
        await self._step(f"after {name}")
        if failure is not None:
            raise failure
        return answered

    async def insist(self, name: str, answer: Callable[[], Answer | None], seconds: float) -> Answer:
        """Repeat a request until there is an answer, as aiokafka does. Raises KafkaTimeoutError after that
        time.
        """
        deadline = time.monotonic() + seconds
        while (answered := await self.request(name, answer)) is None:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(name)
            await asyncio.sleep(_PAUSE_SECONDS)
        return answered


class MemoryReader:
    """A Reader."""

    def __init__(self, log: MemoryLog, isolation_level: Isolation) -> None:
        self._log = log
        self._brokers = log.brokers
        self._committed = isolation_level == "read_committed"
        self._positions: dict[TopicPartition, int] = {}

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these logs and no others."""
        self._positions = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read a log from an offset on."""
        assert partition in self._positions, "seek of a log that is not assigned"
        self._positions[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """The next offset."""
        return self._positions[partition]

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offsets."""
        return await self._offsets("begins", partitions, lambda log: log.first)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The last stable offsets, or the high watermarks."""
        return await self._offsets("ends", partitions, self._end)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """The next records, or nothing when there are none within the time."""
        tps = partitions or tuple(self._positions)
        most = max_records or self._brokers.fetched_records
        what = "fetch " + " ".join(f"{tp.topic}-{tp.partition}" for tp in tps)
        found = await self._log.request(what, lambda: self._fetch(tps, most))
        if not found and timeout_ms:
            await asyncio.sleep(timeout_ms / 1000)
            found = await self._log.request(what, lambda: self._fetch(tps, most))
        for tp, (_, position) in found.items():
            self._positions[tp] = position
        return {tp: records for tp, (records, _) in found.items() if records}

    async def _offsets(
        self, what: str, tps: Sequence[TopicPartition], of: Callable[[_Partition], int]
    ) -> dict[TopicPartition, int]:
        def ask() -> dict[TopicPartition, int] | None:
            logs = {tp: self._brokers.partitions[tp] for tp in tps}
            return (
                {tp: of(log) for tp, log in logs.items()}
                if all(log.has_leader for log in logs.values())
                else None
            )

        return await self._log.insist(what, ask, 40)

    def _end(self, log: _Partition) -> int:
        return log.last_stable() if self._committed else log.end

    def _fetch(
        self, tps: Sequence[TopicPartition], most: int
    ) -> dict[TopicPartition, tuple[list[Record], int]]:
        found = {}
        for tp in tps:
            log, at = self._brokers.partitions[tp], self._positions[tp]
            end = self._end(log)
            if not log.has_leader or at >= end:
                continue
            taken: list[Record] = []
            position = end
            for record in islice(log.records, log.place(at), None):
                if record.offset >= end:
                    break
                if record.status == "marker":
                    continue
                if self._committed and record.status != "committed":
                    continue
                taken.append(record)
                if len(taken) == most:
                    position = record.offset + 1
                    break
            most -= len(taken)
            found[tp] = taken, position
            if not most:
                break
        return found


class MemoryProducer:
    """A Producer."""

    def __init__(self, log: MemoryLog, transactional_id: str) -> None:
        self._log = log
        self._brokers = log.brokers
        self._id = transactional_id
        self._epoch = -1
        self._in_transaction = False
        self._destinations: set[Destination] = set()
        self._former: set[Destination] = set()
        self._failure: BaseException | None = None
        self._appending = 0
        self._closed = False

    async def start(self) -> None:
        """Fence older producers with the same id."""

        def init() -> bool | None:
            return (self._brokers.coordinator_answers and self._raise_epoch(self._id)) or None

        await self._log.insist("init", init, 40)
        self._epoch = self._brokers.ids[self._id].epoch

    async def stop(self) -> None:
        """What is being appended is; nothing else is sent after that."""
        while self._appending:
            await self._log.request("flush", lambda: None)
        self._closed = True

    async def abandon(self) -> None:
        """Nothing is under way."""

    async def begin_transaction(self) -> None:
        """Brokers hear of it with the first record."""
        assert self._failure is None
        assert not self._in_transaction
        self._in_transaction = True
        self._former, self._destinations = self._destinations, set()

    async def join(self, destinations: Collection[Destination]) -> None:
        """Add logs to the transaction, one after the other."""
        for destination in destinations:
            if destination in self._destinations:
                continue
            tp = TopicPartition(*destination)

            def add(tp: TopicPartition = tp) -> bool | None:
                if not self._brokers.coordinator_answers or self._own().phase not in ("none", "open"):
                    # CONCURRENT_TRANSACTIONS: the markers of the one before are being written.
                    return None
                self._brokers.begin(self._id, tp)
                return True

            await self._log.insist(f"add {tp.topic}-{tp.partition}", add, TRANSACTION_SECONDS)
            self._destinations.add(destination)

    async def append(
        self, topic: str, partition: int, rows: Sequence[Write], timestamp_ms: int
    ) -> list[Appended]:
        """Append records in the transaction."""
        await self.join([(topic, partition)])
        tp = TopicPartition(topic, partition)
        where = f"{topic}-{partition}"

        def produce() -> Appended | None:
            log = self._brokers.partitions[tp]
            if not (log.has_leader and log.appends):
                return None
            known = self._own()
            # Brokers check with the coordinator that the transaction is open (KIP-890).
            if known.phase != "open" or tp not in known.logs:
                raise self._failed()
            return self._brokers.append(tp, rows, self._id, "open")

        self._appending += 1
        try:
            return [await self._log.insist(f"produce {where}", produce, TRANSACTION_SECONDS)]
        finally:
            self._appending -= 1

    async def commit_transaction(self) -> None:
        """Decide that everybody reads it."""
        await self._end("committing")

    async def abort_transaction(self) -> None:
        """Decide that nobody reads it."""
        await self._end("aborting")

    def failure(self) -> BaseException | None:
        """The error that made this producer unusable, or None."""
        return self._failure

    async def troubles(
        self,
        destinations: Collection[Destination],
        waited: float,  # noqa: ARG002
        *,
        others_answered: bool,  # noqa: ARG002
    ) -> list[Trouble]:
        """Those without a leader, and those that keep the transaction before from its end."""
        return await self.visible_troubles({*destinations, *self._former})

    async def visible_troubles(self, destinations: Collection[Destination]) -> list[Trouble]:
        """Those without a leader."""
        logs = self._brokers.partitions
        return await self._log.request(
            "leaders",
            lambda: [
                Trouble(each, "no_leader")
                for each in destinations
                if not logs[TopicPartition(*each)].has_leader
            ],
        )

    async def settle(self, transactional_id: str, empty: Producer | None = None) -> bool:
        """Decide what is open under an id."""

        def decide() -> bool:
            # It is decided at once; the markers take their time.
            known = self._brokers.ids.get(transactional_id)
            if (
                isinstance(empty, MemoryProducer)
                and known is not None
                and (known.phase, known.epoch) == ("open", empty._epoch)
            ):
                self._brokers.end(transactional_id, "committing")
            else:
                self._raise_epoch(transactional_id)
            return True

        return await self._log.request(f"settle {transactional_id}", decide)

    def leader_changes(self) -> int:
        """Of all logs."""
        return sum(each.leader_changes for each in self._brokers.partitions.values())

    async def last_transaction(self, transactional_id: str) -> LastTransaction | None:
        """What the coordinator has noted."""

        def ask() -> LastTransaction | None:
            if not self._brokers.coordinator_answers:
                raise CoordinatorNotAvailableError
            known = self._brokers.ids.get(transactional_id)
            return None if known is None else known.last

        return await self._log.request(f"describe {transactional_id}", ask)

    async def raise_epoch(self, transactional_id: str) -> bool:
        """Fence the producers with an id, or begin to end their transaction."""
        return await self._log.request(
            f"fence {transactional_id}", lambda: self._raise_epoch(transactional_id)
        )

    async def stable_ends(self, destinations: Collection[Destination]) -> dict[Destination, tuple[int, int]]:
        """The last stable offsets and the high watermarks of logs with a leader."""

        def ask() -> dict[Destination, tuple[int, int]]:
            logs = {each: self._brokers.partitions[TopicPartition(*each)] for each in destinations}
            return {each: (log.last_stable(), log.end) for each, log in logs.items() if log.has_leader}

        return await self._log.request("stable ends", ask)

    async def mark(self, destination: Destination, *, commits: bool) -> None:
        """A transaction with a log and no record in it."""
        await self.begin_transaction()
        await self.join([destination])
        await self._end("committing" if commits else "aborting")

    async def open_transactions(self) -> set[str]:
        """The ids whose transactions hold up readers."""
        ids = self._brokers.ids
        return await self._log.request(
            "list transactions", lambda: {each for each, known in ids.items() if known.phase != "none"}
        )

    async def offsets_by_time(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, FoundOffset]:
        """Offsets, with what is open."""
        return await self._log.request(
            "offsets", lambda: {tp: self._find(tp, at) for tp, at in times.items()}
        )

    async def partitions_for(self, topic: str) -> Collection[int]:
        """The partitions of a topic."""
        return await self._log.request("metadata", lambda: self._brokers.topic(topic))

    async def update_metadata(self) -> None:
        """Leaders are known at any time."""

    def _find(self, tp: TopicPartition, at: int) -> FoundOffset:
        log = self._brokers.partitions[tp]
        if not log.has_leader:
            raise LeaderNotAvailableError(f"{tp.topic} partition {tp.partition}")
        if at in (FIRST, END):
            return FoundOffset(log.first if at == FIRST else log.end, -1)
        later = (each for each in log.records if each.status != "marker" and each.timestamp >= at)
        first = next(later, None)
        return FoundOffset(-1, -1) if first is None else FoundOffset(first.offset, first.timestamp)

    async def _end(self, phase: str) -> None:
        def end() -> bool:
            known = self._own()
            if known.phase == "open":
                self._brokers.end(self._id, phase)
            return True

        assert self._failure is None
        assert self._in_transaction
        if self._closed:
            raise ProducerClosed
        self._in_transaction = False
        await self._log.insist("commit" if phase == "committing" else "abort", end, TRANSACTION_SECONDS)

    def _raise_epoch(self, transactional_id: str) -> bool:
        if not self._brokers.coordinator_answers:
            raise CoordinatorNotAvailableError
        known = self._brokers.ids.setdefault(transactional_id, _Transactional())
        if known.phase == "open":
            known.epoch += 1
            self._brokers.end(transactional_id, "aborting")
        elif known.phase == "none":
            known.epoch += 1
            known.last = None
            return True
        return False

    def _own(self) -> _Transactional:
        known = self._brokers.ids[self._id]
        if known.epoch != self._epoch:
            raise self._failed()
        return known

    def _failed(self) -> InvalidProducerEpoch:
        self._failure = InvalidProducerEpoch(self._id)
        self._in_transaction = False
        return self._failure
