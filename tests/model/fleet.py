"""Workers of the real runtime code on brokers in memory, and their consumer group.

A worker is the real Writer, Ownership and Cycle; only what Faust does is replaced: the group, fetching, and
the calls of streams/running/app/stage_app.py. Its stage numbers the records of its sources, so that a record
that is lost or applied twice shows in what is written.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.contract.wire.records import OutputRecord
from streams.contract.wire.topics import CLAIMS, SourceTopics
from streams.running.alignment.alignment import Alignment
from streams.running.cycle.chores import TICK_CHECK_SECONDS
from streams.running.cycle.cycle import MAX_FOLLOWED_BYTES, Cycle
from streams.running.cycle.set_aside import keep_trying, wake_sources
from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log import writer
from streams.running.log.claims import ClaimsLog, StatePartition
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.terms import Terms, differences
from streams.running.log.writer import Writer
from streams.running.partitions.observer import Observer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.patches.app import FINISHING_SECONDS
from streams.running.patches.fetched_range import FetchedRange
from streams.running.takeover.joining import wait_until_agreed
from streams.running.takeover.ownership import OwnedStage, Ownership
from streams.running.takeover.takeover import exclusive_writer
from tests.model.memory_log import Brokers
from tests.model.virtual_time import VirtualLoop, process_of_task

SOURCE, INTERNAL, STATE, OUT = "in", "in-internal", "state", "out"
STAGE = "number"

# After a kill, until a process is started again; until the group notices that a member is silent.
RESTART_SECONDS = 0.3
SESSION_SECONDS = 0.5

# By then everything must be applied when nothing more goes wrong: far less than the brokers take to end a
# transaction.
CALM_SECONDS = 15.0

# So that after a reset of the group the claims from before it stay ahead for the rest of the run.
OLD_GENERATION = 1_000

# What a process does when there is nothing to do.
IDLE = ("before fetch in-", "after fetch in-")

LONGEST_TEXT = 80


class Failed(AssertionError):
    """A run went wrong. The text has its last steps."""

    def __init__(self, reason: str, trace: list[str]) -> None:
        trace = [line for line in trace if not any(idle in line for idle in IDLE)]
        cut = [f"... {len(trace) - LONGEST_TEXT} steps ..."] if len(trace) > LONGEST_TEXT else []
        super().__init__("\n".join((reason, *cut, *trace[-LONGEST_TEXT:], f"So: {reason}")))
        self.reason = reason


class _Numbered(NamedTuple):
    outputs: list[OutputRecord]
    changes: dict[bytes, bytes]
    finished_records: int
    finished_entries: int = 0


def _apply_in_slices(state: SimpleNamespace, records: list[Any], **_options: Any) -> Any:
    """Pass published records on to the next partition, and number those that were passed on."""
    taken = records[:2]
    outputs = []
    for record in taken:
        if record.topic == SOURCE:
            outputs.append(
                OutputRecord(INTERNAL, _next(state.partition, state.partitions), record.key, record.value, [])
            )
            continue
        outputs.append(OutputRecord(OUT, state.partition, b"", b"%d %s" % (state.count, record.value), []))
        state.count += 1
    yield _Numbered(outputs, {b"Kcount": b"%d" % state.count}, len(taken))


def _next(partition: int, partitions: int) -> int:
    return (partition + 1) % partitions


def _restore(partition: int, partitions: int, entries: Any) -> SimpleNamespace:
    return SimpleNamespace(
        partition=partition, partitions=partitions, count=int(dict(entries).get(b"Kcount", 0))
    )


NUMBERING = SimpleNamespace(
    name=STAGE,
    sources=SourceTopics((SOURCE,), INTERNAL),
    state_topic=STATE,
    restore=_restore,
    apply_in_slices=_apply_in_slices,
    paused_sources=lambda _state: (),
    skipped_below=lambda _state, _topic: 0,
    tripped=lambda _result: {},
    for_state=lambda _state: NUMBERING,
    for_entries=lambda _entries: NUMBERING,
    aligned=(),
    relays=False,
)


class Process:
    """Something that takes steps."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = 0
        self.stopped = False
        self.ended = False
        self.tasks: list[asyncio.Task[Any]] = []


class Waiting(NamedTuple):
    """A process before a step."""

    process: Process
    name: str
    since: float
    go: asyncio.Future[None]


class Fleet:
    """The brokers, the group and the workers of one run.

    `choose` picks who goes on of those who wait. `on_step` is called before a worker takes a step, with the
    process and the name of the step, and may strike it.
    """

    def __init__(
        self,
        partitions: int = 2,
        choose: Callable[[list[Waiting]], Waiting | None] = lambda waiting: waiting[0],
        on_step: Callable[[Process, str], None] = lambda _process, _name: None,
        rng: random.Random | None = None,
    ) -> None:
        self.trace: list[str] = []
        self.loop = VirtualLoop(self._advance)
        self.choose, self.on_step = choose, on_step
        self.session_seconds = SESSION_SECONDS
        self.places = [StatePartition(STAGE, n) for n in range(partitions)]
        # Who writes the markers.
        self.markers = Process("brokers")
        self.brokers = Brokers(
            dict.fromkeys((SOURCE, INTERNAL, STATE, OUT), partitions) | {CLAIMS: 1},
            lambda name: self.step(self.markers, name),
            # So that nobody relies on it. Random runs end transactions early.
            transaction_seconds=10_000,
            fetched_records=3,
        )
        self.brokers.on_commit = self._check
        self.group = Group(self, rng)
        self.workers: list[Worker] = []
        # By the first letter of a worker's name; who has none has the usual ones.
        self.terms: dict[str, Terms] = {}
        # Whether workers ask before they join the group; if not, only their claims tell.
        self.asks_first = True
        self.published = dict.fromkeys(range(partitions), 0)
        self.exits: list[tuple[Worker, BaseException | None]] = []
        self._waiting: list[Waiting] = []
        self.failure: str | None = None

    async def step(self, process: Process, name: str) -> None:
        """Wait for this process's turn."""
        if process.ended:
            raise asyncio.CancelledError
        process.steps += 1
        self.on_step(process, name)
        if process.ended:
            raise asyncio.CancelledError
        waiting = Waiting(process, name, self.loop.now, self.loop.create_future())
        self._waiting.append(waiting)
        await waiting.go

    def say(self, text: str) -> None:
        """Note what happened."""
        self.trace.append(f"{self.loop.now:7.3f} {text}")

    def publish(self, partition: int, number: int = 1) -> None:
        """Publish records to the source."""
        for _ in range(number):
            row = (b"", b"%d" % self.published[partition], [])
            self.brokers.append(TopicPartition(SOURCE, partition), [row])
            self.published[partition] += 1

    def start(self, name: str) -> "Worker":
        """Start a process of a worker."""
        worker = Worker(self, name)
        self.workers.append(worker)
        self._start(worker)
        return worker

    def command(self, place: StatePartition) -> None:
        """Start an operator's command that writes to the state of a partition."""
        self._start(Command(self, place))

    def _start(self, process: "Worker | Command") -> None:
        self.say(f"{process.name} starts")
        token = process_of_task.set(process)
        self.loop.create_task(process.run())
        process_of_task.reset(token)

    def kill(self, worker: "Worker | Command", *, restart: bool = True) -> None:
        """SIGKILL."""
        self.say(f"{worker.name} is killed")
        self.end(worker)
        if isinstance(worker, Worker):
            self.loop.call_later(self.session_seconds, self.group.evict, worker)
        if restart:
            self.loop.call_later(RESTART_SECONDS, self.start, worker.name + "'")

    def stop(self, worker: "Worker", seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        self.say(f"{worker.name} is suspended")
        worker.stopped = True
        self.loop.call_later(self.session_seconds, self._evict_if_stopped, worker)
        self.loop.call_later(seconds, self.continue_, worker)

    def continue_(self, worker: "Worker") -> None:
        """SIGCONT."""
        if worker.stopped:
            self.say(f"{worker.name} continues")
            worker.stopped = False

    def end(self, worker: Process) -> None:
        """Take a process away. What it has sent stays."""
        worker.ended = True
        self._waiting = [each for each in self._waiting if each.process is not worker]
        for task in worker.tasks:
            task.cancel()

    def exited(self, worker: "Worker", error: BaseException | None, *, restart: bool) -> None:
        """A process ended by itself: its supervisor starts it again after an error, or when it was told to
        restart.
        """
        self.say(f"{worker.name} exits" + (f": {error}" if error else ""))
        self.exits.append((worker, error))
        self.end(worker)
        self.group.evict(worker)
        if error is not None or restart:
            self.loop.call_later(RESTART_SECONDS, self.start, worker.name + "'")

    def alive(self) -> list["Worker"]:
        """The processes that run or are suspended."""
        return [worker for worker in self.workers if not worker.ended]

    def applied(self, partition: int) -> int:
        """How many records published to a partition are applied in the next one and committed."""
        home = _next(partition, len(self.published))
        return len(self.brokers.committed(TopicPartition(OUT, home)))

    def unrest(self) -> str:
        """What is not as it must be when nothing goes wrong any more; empty if nothing is."""
        alive = self.alive()
        if missing := {n: self.applied(n) for n, all_ in self.published.items() if self.applied(n) != all_}:
            return f"some records are never applied: of {self.published} only {missing}"
        if not all(log.last_stable() == log.end for log in self.brokers.partitions.values()):
            return "a transaction holds up the readers of a log"
        if any(worker.stopped or worker.rejoin.is_set() for worker in alive):
            return "a worker does not take part"
        if any(owner.attempts.is_set_aside for worker in alive for owner in worker.ownership.owners.values()):
            return "a partition is set aside"
        owners = sorted(
            (place, worker.writer.transactional_id) for worker in alive for place in worker.ownership.owners
        )
        if [place for place, _ in owners] != self.places:
            return f"not every partition has one owner: {owners}"
        log = ClaimsLog()
        for record in self.brokers.committed(TopicPartition(CLAIMS, 0)):
            log.add(record.key, record.value)
        claims = [(place, each.transactional_id) for place in self.places for each in log.claimants([place])]
        if log.left_open():
            return f"something may be open of {[*log.left_open()]}"
        return "" if claims == owners else f"partitions are owned by {owners} and claimed by {claims}"

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def calm(self) -> None:
        """Wait until nothing more happens. Raises Failed when that takes too long."""
        deadline = self.loop.now + CALM_SECONDS
        while unrest := self.unrest():
            if self.loop.now > deadline:
                raise Failed(unrest, self.trace)
            await asyncio.sleep(0.05)

    def run(self, story: Callable[["Fleet"], Any]) -> None:
        """Run a story. Raises Failed."""
        numbers = itertools.count(1)
        with patch.object(writer, "new_transactional_id", lambda *_: f"producer-{next(numbers)}"):
            self.loop.run(story(self))

    def _advance(self) -> bool:
        if self.failure is not None:
            raise Failed(self.failure, self.trace)
        able = [each for each in self._waiting if not each.process.stopped]
        if not able:
            return False
        chosen = self.choose(able)
        if chosen is None:
            return False
        self._waiting.remove(chosen)
        self.say(f"{chosen.process.name} {chosen.name}")
        if not chosen.go.done():
            chosen.go.set_result(None)
        return True

    def _check(self, tp: TopicPartition) -> None:
        if tp.topic == OUT:
            values = [each.value for each in self.brokers.committed(tp)]
            if values != [b"%d %d" % (n, n) for n in range(len(values))]:
                self.failure = f"partition {tp.partition} has written {b', '.join(values).decode()}"

    def check_terms(self, owner: "Worker") -> None:
        """Fail if somebody with other terms can still write beside who has just taken partitions over."""
        able = [each for each in self.alive() if each.ownership.owners and not each.is_fenced()]
        for other in able if owner in able else []:
            if differences(owner.terms, other.terms):
                self.failure = f"{owner.name} and {other.name} work side by side with different terms"

    def _evict_if_stopped(self, worker: "Worker") -> None:
        if worker.stopped:
            self.group.evict(worker)


class Group:
    """The consumer group. Whoever must join again finds `rejoin` set."""

    def __init__(self, fleet: Fleet, rng: random.Random | None) -> None:
        self.generation = OLD_GENERATION
        self.members: list[Worker] = []
        self._fleet = fleet
        self._rng = rng
        self._joined: dict[Worker, asyncio.Future[tuple[int, list[int]] | None]] = {}
        self._rebalancing = False

    async def join(self, worker: "Worker") -> tuple[int, list[int]]:
        """The generation, and the partitions of this worker in it."""
        assignment = None
        while assignment is None:
            await self._fleet.step(worker, "joins")
            if worker not in self.members:
                self.members.append(worker)
            self._joined[worker] = assigned = self._fleet.loop.create_future()
            self._begin()
            assignment = await assigned
        generation, partitions = assignment
        await self._fleet.step(worker, f"gets {partitions} in generation {generation}")
        return generation, partitions

    def evict(self, worker: "Worker") -> None:
        """Put a member out, or let it leave."""
        if worker in self.members:
            self._fleet.say(f"{worker.name} is put out of the group")
            self.members.remove(worker)
            joined = self._joined.pop(worker, None)
            if joined is not None and not joined.done():
                joined.set_result(None)
            worker.rejoin.set()
            self._begin()

    def reset(self) -> None:
        """Delete the group. Generations begin at 1 again."""
        for worker in list(self.members):
            self.evict(worker)
        self.generation = 0

    def _begin(self) -> None:
        if not self._rebalancing:
            self._rebalancing = True
            for member in self.members:
                if member not in self._joined:
                    member.rejoin.set()
        if self.members and len(self._joined) == len(self.members):
            self._assign()
        elif not self.members:
            self._rebalancing = False

    def _assign(self) -> None:
        self._rebalancing = False
        self.generation += 1
        mine: dict[Worker, list[int]] = {member: [] for member in self.members}
        for partition in self._fleet.published:
            number = self._rng.randrange(8) if self._rng else self.generation
            mine[self.members[(partition + number) % len(self.members)]].append(partition)
        joined, self._joined = self._joined, {}
        for member, assigned in joined.items():
            member.rejoin.clear()
            if not assigned.done():
                assigned.set_result((self.generation, mine[member]))


class Command(Process):
    """A command that runs without workers, or should."""

    def __init__(self, fleet: Fleet, place: StatePartition) -> None:
        super().__init__("command")
        self._fleet = fleet
        self._place = place

    async def run(self) -> None:
        """Write to the state."""
        log = self._fleet.brokers.log(lambda step: self._fleet.step(self, step))
        async with exclusive_writer(log, "", [self._place]) as exclusive:
            await exclusive.write({(STATE, self._place.partition): [(b"Kcommand", b"", [])]})


class Fetching:
    """What a cycle asks of the consumer: to fetch a source no more, or again from an offset on."""

    def __init__(self) -> None:
        self._begins: dict[TopicPartition, int] = {}
        self._resting: set[TopicPartition] = set()
        self._sought: set[TopicPartition] = set()

    def begin(self, positions: Mapping[TP, int | None]) -> dict[TopicPartition, int]:
        """Fetch these from now on. Returns the next offsets, which the caller moves on."""
        self._begins = {TopicPartition(*tp): offset or 0 for tp, offset in positions.items()}
        self._resting = {TopicPartition(*tp) for tp, offset in positions.items() if offset is None}
        self._sought = set()
        return self._begins

    def wanted(self) -> list[TopicPartition]:
        """What is to be fetched."""
        return [tp for tp in self._begins if tp not in self._resting]

    def is_sought(self, tp: TopicPartition) -> bool:
        """Whether to go on from elsewhere, of which `sought` has not told yet."""
        return tp in self._sought

    def sought(self) -> list[tuple[TopicPartition, int]]:
        """From where to go on, of those that were sought since."""
        sought, self._sought = self._sought, set()
        return [(tp, self._begins[tp]) for tp in sought]

    def pass_over(self, tp: TP, offset: int) -> None:
        """Fetch nothing of it below an offset."""
        at = TopicPartition(*tp)
        if offset > self._begins.get(at, offset):
            self._begins[at] = offset
            self._sought.add(at)

    def rest(self, tp: TP) -> Awaitable[None]:
        """Fetch nothing of it."""
        self._resting.add(TopicPartition(*tp))
        return asyncio.sleep(0)

    async def wake(self, tp: TP, offset: int) -> None:
        """Fetch it again."""
        at = TopicPartition(*tp)
        if at in self._begins:
            self._begins[at] = offset
            self._resting.discard(at)
            self._sought.add(at)


class Worker(Process):
    """One process of a worker, with a transactional id of its own."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        super().__init__(name)
        self.rejoin = asyncio.Event()
        self.leaving = asyncio.Event()
        # What Cycle asks Faust's app.
        self.rebalancing_count = 0
        self.has_queued = lambda: False
        self.should_stop = False
        # Whether another process is started when this one has left.
        self.restarts = False
        self.consumer = Fetching()
        self._handed_over = 0
        self._fleet = fleet
        self.log = fleet.brokers.log(lambda step: fleet.step(self, step))
        self.writer = Writer(self.log, "")
        self.writer.transactional_id = name
        self.writer.topics = (INTERNAL, STATE, OUT, CLAIMS)
        stage = OwnedStage(
            (SOURCE, INTERNAL),
            lambda partition: PartitionOwner(NUMBERING, self.log, self.writer, partition, Observer()),
        )
        self.ownership = Ownership(self.log, self.writer, {STAGE: stage})
        alignment = Alignment(lambda: None, lambda: self.ownership.owners, self.writer)
        self.cycle = Cycle(self, self.ownership, self.writer, alignment)
        self.terms = fleet.terms.get(name[0], Terms("1"))
        self.ownership.agree_on(self.terms)
        # What the others have in another way, while this process waits for them.
        self.differs_in: list[str] = []
        self._epoch = 0

    def is_fenced(self) -> bool:
        """Whether the brokers refuse what this process still sends."""
        return self._fleet.brokers.ids[self.writer.transactional_id].epoch != self._epoch

    async def run(self) -> None:
        """Work until the process is told to leave, or an error ends it."""
        error = None
        try:
            if self._fleet.terms and self._fleet.asks_first:
                await wait_until_agreed(self.log, "", self.terms, self._members, self._found)
            await self.writer.start()
            self._epoch = self._fleet.brokers.ids[self.writer.transactional_id].epoch
            await self._follow_the_group()
        except (OwnershipLost, RefusedToStart, KafkaError) as lost:
            error = lost
        except ExceptionGroup as group:
            # Two that waited for the same transaction hear the same of it.
            error = group.exceptions[0]
            for each in group.exceptions:
                if not isinstance(each, OwnershipLost | KafkaError):
                    self._fleet.failure = repr(each)
        except Exception as unexpected:
            self._fleet.failure = repr(unexpected)
        self.should_stop = True
        await self.ownership.end()
        await self.writer.stop()
        self._fleet.exited(self, error, restart=self.restarts)

    async def _members(self) -> list[str]:
        await self._fleet.step(self, "asks who is in the group")
        return [member.name for member in self._fleet.group.members]

    def _found(self, names: Collection[str]) -> None:
        self.differs_in = list(names)

    async def _follow_the_group(self) -> None:
        cycles = asyncio.create_task(self._cycles())
        leaving = asyncio.create_task(self.leaving.wait())
        while True:
            generation, partitions = await self._fleet.group.join(self)
            working = asyncio.create_task(self._work(generation, partitions))
            again = asyncio.create_task(self.rejoin.wait())
            await asyncio.wait([working, again, cycles, leaving], return_when=asyncio.FIRST_COMPLETED)
            for task in (working, cycles):
                if task.done():
                    task.result()
            if leaving.done():
                working.cancel()
                await self._finish()
                return
            self.rebalancing_count += 1
            await self.ownership.give_up()
            if working.done():
                working.result()
            working.cancel()

    async def _cycles(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.cycle.run())
            tasks.create_task(keep_trying(self.log, self.writer, self.ownership))
            tasks.create_task(self._wake())

    async def _wake(self) -> None:
        """What the chores of a worker do besides ticks."""
        while True:
            await asyncio.sleep(TICK_CHECK_SECONDS)
            async with self.ownership.write_lock:
                await wake_sources(self.consumer, self.ownership)
                await self.cycle.claim_what_waits()
                with suppress(DestinationTrouble):
                    await self.cycle.write_notes()

    async def _finish(self) -> None:
        """What the app does before `end`: wait for what was handed over."""
        self.should_stop = True
        deadline = self._fleet.loop.now + FINISHING_SECONDS
        while self._handed_over and self._fleet.loop.now < deadline:
            await asyncio.sleep(0.01)

    def _ack(self) -> None:
        self._handed_over -= 1

    async def _work(self, generation: int, partitions: list[int]) -> None:
        """Take over what is assigned, and hand over what is fetched of it."""
        rebalances = self.rebalancing_count
        assigned = [TP(topic, n) for n in partitions for topic in (SOURCE, INTERNAL)]

        async def is_current() -> bool:
            await self._fleet.step(self, f"asks whether generation {generation} is current")
            return self in self._fleet.group.members and self._fleet.group.generation == generation

        if not await self.ownership.follow(assigned, generation, self.name, is_current):
            await asyncio.Event().wait()
        self.cycle.follow(generation, rebalances)
        self._fleet.say(f"{self.name} owns {partitions}")
        self._fleet.check_terms(self)
        fetching = self.consumer
        begins = fetching.begin(self.ownership.positions())
        if not begins:
            await asyncio.Event().wait()
        async with self.log.reader() as reader:
            reader.assign([TopicPartition(*tp) for tp in begins])
            for tp, begin in begins.items():
                reader.seek(TopicPartition(*tp), begin)
            while True:
                if not fetching.wanted():
                    await asyncio.sleep(0.05)
                    continue
                fetched = await reader.getmany(*fetching.wanted(), timeout_ms=250)
                for tp, offset in fetching.sought():
                    reader.seek(tp, offset)
                    fetched = {each: records for each, records in fetched.items() if each != tp}
                for tp, records in fetched.items():
                    if tp not in fetching.wanted() or fetching.is_sought(tp):
                        # Sought since it was fetched.
                        continue
                    begin, begins[tp] = begins[tp], await reader.position(tp)
                    message = SimpleNamespace(
                        topic=tp.topic,
                        partition=tp.partition,
                        generation_id=generation,
                        # Cycles of both kinds: what follows is in the same transaction, or in another.
                        serialized_value_size=2 * MAX_FOLLOWED_BYTES * (1 - begin % 2),
                    )
                    value = FetchedRange(records, begin, begins[tp], 100)
                    event = SimpleNamespace(message=message, value=value, ack=self._ack)
                    self._handed_over += 1
                    await self.cycle.hand_over(STAGE, event)
