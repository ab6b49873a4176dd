"""Two searches for a run in which the runtime fails: a strike at every step of a story, and random runs."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from aiokafka import TopicPartition
from structlog.testing import capture_logs

from streams.contract.wire.topics import CLAIMS
from streams.running.patches.app import FINISHING_SECONDS
from tests.model.fleet import IDLE, SESSION_SECONDS, STATE, Failed, Fleet, Process, Waiting, Worker

Kind = Literal["kill", "stop"]

# How long a suspended process sleeps: others have taken everything over by then.
SUSPENDED_SECONDS = 2.0


# The answers to requests that change nothing.
QUESTIONS = ("after fetch", "after begins", "after ends", "after offsets", "after metadata")

# How long after a decision its markers are written, if they are late: an heir has begun to take over by then.
LATE_SECONDS = SESSION_SECONDS + 0.06


class Strike(NamedTuple):
    """What happens to a worker in a story before its step of this number."""

    story: str
    worker: str
    number: int
    kind: Kind
    name: str
    late_markers: bool = False


async def joining(fleet: Fleet) -> None:
    """A takes everything over and applies records, B joins and leaves, and records come at any time."""
    _publish(fleet, 3)
    fleet.start("A")
    await _until(fleet, 0.3)
    second = fleet.start("B")
    # In the middle of the rebalance.
    await _until(fleet, 0.315)
    _publish(fleet, 3)
    await _until(fleet, 1.5)
    _publish(fleet, 3)
    await _until(fleet, 1.62)
    second.leaving.set()
    await _until(fleet, 2.4)
    _publish(fleet, 2)
    await fleet.calm()


async def inheriting(fleet: Fleet) -> None:
    """A is killed in the middle of a cycle, and B takes over what it left open."""
    _publish(fleet, 3)
    fleet.start("A")
    await _until(fleet, 0.3)
    fleet.start("B")
    await _until(fleet, 1.5)
    _publish(fleet, 3)
    await fleet.calm()


async def leaving(fleet: Fleet) -> None:
    """A leaves while a log appends nothing, until its app has given up waiting for its cycles but the broker
    has not.
    """
    _publish(fleet, 12)
    first = fleet.start("A")
    await _until(fleet, 0.06)
    log = fleet.brokers.partitions[TopicPartition(STATE, 0)]
    log.appends = False
    await _until(fleet, 0.08)
    first.leaving.set()
    await _until(fleet, 0.08 + FINISHING_SECONDS)
    fleet.start("B")
    await _until(fleet, 1.0 + FINISHING_SECONDS)
    log.appends = True
    await fleet.calm()


async def commanding(fleet: Fleet) -> None:
    """A is about to read a state when a command takes it over, and is killed in the middle of writing to it."""
    fleet.session_seconds = 10.0
    asked = commits = 0

    def on_step(process: Process, name: str) -> None:
        nonlocal asked, commits
        if process.name == "A" and name == "before offsets":
            asked += 1
            if asked == 1:
                # Where the log ends that it is to read.
                fleet.stop(process, 0.4)
                fleet.command(fleet.places[0])
        if process.name == "command" and name == "before commit":
            commits += 1
            # Those of the claim and of what was fenced came before.
            if commits == 3:
                fleet.kill(process, restart=False)

    fleet.on_step = on_step
    _publish(fleet, 3)
    fleet.start("A")
    await fleet.calm()


STORIES = {"AB": joining, "B": inheriting}
"""By the workers that are struck."""


def run(told: Callable[[Fleet], Any], partitions: int = 2) -> None:
    """Play a story. Raises Failed."""
    _run(Fleet(partitions), told)


class _Struck:
    """A story with at most one strike."""

    def __init__(self, told: str, struck: "Strike | None") -> None:
        self.taken: list[tuple[str, int, str]] = []
        self.happened: list[Worker] = []
        self._told, self._struck = told, struck
        self._commits = 0
        self.fleet = Fleet(on_step=self._on_step)
        if struck is not None and struck.late_markers:
            self.fleet.choose = self._late_markers_last

    def play(self) -> None:
        """Play it. Raises Failed."""
        _run(self.fleet, STORIES[self._told])

    def _on_step(self, process: Process, name: str) -> None:
        if not isinstance(process, Worker):
            return
        self.taken.append((process.name, process.steps, name))
        if self._told == "B" and process.name == "A" and name == "before commit":
            self._commits += 1
            # Those of the claim and of what was fenced, and a cycle.
            if self._commits == 4:
                self.fleet.kill(process, restart=False)
        struck = self._struck
        if struck is not None and not self.happened and (process.name, process.steps) == struck[1:3]:
            self.happened.append(process)
            if struck.kind == "kill":
                self.fleet.kill(process)
            else:
                self.fleet.stop(process, SUSPENDED_SECONDS)

    def _late_markers_last(self, waiting: list[Waiting]) -> Waiting | None:
        marker = f"marker of {self._struck.worker} in"
        late = [each for each in waiting if self.happened and marker in each.name]
        over = [each for each in late if self.fleet.loop.now - each.since > LATE_SECONDS]
        return next(iter(over + [each for each in waiting if each not in late]), None)


def strikes() -> Iterator[Strike]:
    """Every step of a worker in the stories, with each kind of strike.

    Not before a request, which is after the one before it. Not where a worker only waits for records. No kill
    after a question, which is as one before it.
    """
    for told in STORIES:
        calm = _Struck(told, None)
        calm.play()
        for worker, number, name in calm.taken:
            if worker not in told or name.startswith(("before", *IDLE)):
                continue
            kinds: tuple[Kind, ...] = ("stop",) if name.startswith(QUESTIONS) else ("kill", "stop")
            for kind in kinds:
                yield Strike(told, worker, number, kind, name)
                if name == "after commit":
                    yield Strike(told, worker, number, kind, name, late_markers=True)


def strike(struck: Strike) -> None:
    """Play the story with one strike. Raises Failed."""
    played = _Struck(struck.story, struck)
    played.play()
    require_no_innocent_exits(played.fleet, played.happened if struck.kind == "stop" else [])


def require_no_innocent_exits(fleet: Fleet, struck: list[Worker]) -> None:
    """Nobody is fenced who runs and is a member of the group."""
    for worker, error in fleet.exits:
        if error is not None and worker not in struck:
            raise Failed(f"{worker.name} had to end: {error}", fleet.trace)


class Tally:
    """How much a search covered."""

    def __init__(self) -> None:
        self.runs = self.steps = self.kills = self.stops = 0


def random_runs(seeds: Iterable[int], *, only_kills: bool = False) -> Tally:
    """Play random runs. Raises Failed with the first one that fails; `only_kills` also if anybody else has to
    end.
    """
    tally = Tally()
    for seed in seeds:
        run = _RandomRun(seed, only_kills=only_kills)
        try:
            _run(run.fleet, run.story)
            if only_kills:
                require_no_innocent_exits(run.fleet, [])
        except Failed as failed:
            raise Failed(f"run {seed}: {failed.reason}", run.fleet.trace) from None
        tally.runs += 1
        tally.steps += len(run.fleet.trace)
        tally.kills += run.kills
        tally.stops += run.stops
    return tally


class _RandomRun:
    """Who goes on is chosen at random, and some are slow for a while. Faults happen until the run is to calm
    down.
    """

    def __init__(self, seed: int, *, only_kills: bool) -> None:
        self.rng = rng = random.Random(seed)
        self.fleet = Fleet(rng.choice((1, 2, 2)), choose=self.choose, rng=rng)
        self.fleet.session_seconds = rng.uniform(0.02, SESSION_SECONDS)
        self.kills = self.stops = 0
        self._calm_after = rng.randint(100, 900)
        self._slow: set[str] = set()
        self._faults = [self._kill] * rng.randint(0, 3)
        if not only_kills:
            self._faults += [self._leave] * rng.randint(0, 2)
            self._faults += [self._stop] * rng.randint(0, 3) + [self._put_out] * rng.randint(0, 3)
            others = (
                self._lose_leader,
                self._lose_coordinator,
                self._time_out,
                self._compact,
                self._reset,
            )
            self._faults += [fault for fault in others if rng.random() < 0.3]
        rng.shuffle(self._faults)
        self._chosen = 0

    async def story(self, fleet: Fleet) -> None:
        """Three workers and records at any time."""
        for number, name in enumerate("ABC"[: self.rng.randint(2, 3)]):
            fleet.loop.call_later(number * self.rng.random(), fleet.start, name)
        for partition in fleet.published:
            for _ in range(10):
                fleet.loop.call_later(self.rng.random() * 2, fleet.publish, partition)
        await _until(fleet, 2.0)
        self._calm_after = 0
        self._slow = set()
        for worker in fleet.alive():
            fleet.continue_(worker)
        await fleet.calm()

    def choose(self, waiting: list[Waiting]) -> Waiting | None:
        """The next step."""
        self._chosen += 1
        if self._chosen < self._calm_after:
            if self.rng.random() < 0.02:
                names = {each.process.name for each in waiting}
                self._slow = {name for name in sorted(names) if self.rng.random() < 0.4}
            if self._faults and self.rng.random() < 0.02:
                self._faults.pop()()
                waiting = [each for each in waiting if not (each.process.stopped or each.process.ended)]
                if not waiting:
                    return None
        for _ in range(5):
            chosen = self.rng.choice(waiting)
            if chosen.process.name not in self._slow:
                break
        return chosen

    def _anybody(self) -> Worker | None:
        able = [worker for worker in self.fleet.alive() if not worker.stopped]
        return self.rng.choice(able) if able else None

    def _kill(self) -> None:
        if worker := self._anybody():
            self.kills += 1
            self.fleet.kill(worker)

    def _leave(self) -> None:
        if worker := self._anybody():
            self.fleet.say(f"{worker.name} is told to restart")
            worker.restarts = True
            worker.leaving.set()

    def _stop(self) -> None:
        if worker := self._anybody():
            self.stops += 1
            self.fleet.stop(worker, self.rng.uniform(0.1, 2 * SUSPENDED_SECONDS))

    def _put_out(self) -> None:
        if self.fleet.group.members:
            self.fleet.group.evict(self.rng.choice(self.fleet.group.members))

    def _reset(self) -> None:
        self._kill()
        self.fleet.say("the group is deleted")
        self.fleet.group.reset()

    def _lose_leader(self) -> None:
        tp = self.rng.choice(list(self.fleet.brokers.partitions))
        log = self.fleet.brokers.partitions[tp]
        log.has_leader = False
        self.fleet.say(f"{tp.topic}-{tp.partition} has no leader")
        self.fleet.loop.call_later(self.rng.uniform(0.05, 3), setattr, log, "has_leader", True)

    def _lose_coordinator(self) -> None:
        self.fleet.say("the coordinator is away")
        self.fleet.brokers.coordinator_answers = False
        self.fleet.loop.call_later(
            self.rng.uniform(0.05, 3), setattr, self.fleet.brokers, "coordinator_answers", True
        )

    def _time_out(self) -> None:
        open_now = [each for each, known in self.fleet.brokers.ids.items() if known.phase == "open"]
        if open_now:
            late = self.rng.choice(open_now)
            self.fleet.say(f"the transaction of {late} takes too long")
            self.fleet.brokers.time_out(late)

    def _compact(self) -> None:
        for tp in (
            TopicPartition(CLAIMS, 0),
            *(TopicPartition(STATE, place.partition) for place in self.fleet.places),
        ):
            # A process that runs for an hour without a takeover reads the claims anew.
            self.fleet.brokers.compact(tp, with_tombstones=tp.topic != CLAIMS)


def _run(fleet: Fleet, told: Callable[[Fleet], Any]) -> None:
    with capture_logs():
        fleet.run(told)


def _publish(fleet: Fleet, number: int) -> None:
    for partition in fleet.published:
        fleet.publish(partition, number)


async def _until(fleet: Fleet, seconds: float) -> None:
    await asyncio.sleep(seconds - fleet.loop.now)
