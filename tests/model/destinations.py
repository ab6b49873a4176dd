"""Stories in which a log has no leader for longer than any transaction may last."""

from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition

from streams.contract.wire.topics import CLAIMS
from tests.model.fleet import INTERNAL, OUT, SOURCE, STATE, Failed, Fleet, Process

Told = Callable[[Fleet], Any]

PARTITIONS = 4

# Longer than a transaction, and than any pause of a partition that is set aside.
AWAY_SECONDS = 60

# By then whoever does not need the log has applied what was published: one look at the destinations, one
# takeover of all partitions, and the next cycle.
OTHERS_SECONDS = 3.0

# Who does not need the first partition of a topic: records are passed on to the next partition, and a partition
# that is set aside applies none of its sources.
OTHERS = {OUT: (1, 2), STATE: (1, 2), INTERNAL: (1,), SOURCE: (1, 2, 3)}


def without_leader(
    topic: str,
    workers: int,
    moment: str,
    *,
    leave_out_markers: bool,
    publishes: bool = True,
    with_claims: bool = False,
) -> Told:
    """The first partition of a topic loses its leader for a while; no worker ends, and others go on.

    `moment` is when: before nothing in particular, or after a step of a transaction that writes to it. Unless
    it `publishes` meanwhile, nobody writes again whose next marker would end what is left open. `with_claims`
    the log of claims loses its leader too, so who failed can own nothing until it has one.
    """

    async def told(fleet: Fleet) -> None:
        fleet.brokers.leave_out_markers = leave_out_markers
        for name in "AB"[:workers]:
            fleet.start(name)
        for partition in fleet.published:
            fleet.publish(partition, 5)
        await fleet.calm()
        away = [TopicPartition(topic, 0), *([TopicPartition(CLAIMS, 0)] if with_claims else [])]
        lose = LoseLeader(fleet, topic, moment, away)
        fleet.on_step = lose.on_step
        ends = fleet.loop.now + AWAY_SECONDS
        while fleet.loop.now < ends:
            for partition in fleet.published if publishes or not lose.happened else ():
                # Nobody can publish to a source without a leader either.
                if topic != SOURCE or partition:
                    fleet.publish(partition)
            published = dict(fleet.published)
            await fleet.pause(OTHERS_SECONDS)
            late = [n for n in OTHERS[topic] if fleet.applied(n) < published[n]]
            if late and not with_claims:
                raise Failed(f"what is published to {late} waits for {topic}-0", fleet.trace)
        fleet.say(f"{topic}-0 has a leader")
        for each in away:
            fleet.brokers.partitions[each].has_leader = True
        await fleet.calm()
        if fleet.exits:
            raise Failed(f"{fleet.exits[0][0].name} had to end: {fleet.exits[0][1]}", fleet.trace)

    return told


def without_claims(change: str) -> Told:
    """The log of claims has no leader while a worker ends, is told to restart, or joins.

    The others go on with what they have, and nobody else ends.
    """

    async def told(fleet: Fleet) -> None:
        claims = fleet.brokers.partitions[TopicPartition(CLAIMS, 0)]
        first, second = fleet.start("A"), fleet.start("B")
        for partition in fleet.published:
            fleet.publish(partition, 5)
        await fleet.calm()
        had = {worker: set(worker.ownership.owners) for worker in (first, second)}
        fleet.say("claims-0 has no leader")
        claims.has_leader = False
        staying = [first] if change in ("killed", "restarts") else [first, second]
        if change == "killed":
            # The model's group gives a partition to another member whenever one joins.
            fleet.kill(second, restart=False)
        elif change == "restarts":
            second.restarts = True
            second.leaving.set()
        elif change == "joins":
            fleet.start("C")
        for _ in range(3):
            await fleet.pause(OTHERS_SECONDS)
            for partition in fleet.published:
                fleet.publish(partition)
        await fleet.pause(OTHERS_SECONDS)
        for worker in staying:
            for place in had[worker] & worker.ownership.owners.keys():
                position = worker.ownership.owners[place].committed_position[SOURCE].next_offset
                if position < fleet.published[place.partition]:
                    raise Failed(f"{worker.name} does not go on with {place.partition}", fleet.trace)
        if not any(had[worker] & worker.ownership.owners.keys() for worker in staying):
            raise Failed("nobody has kept a partition", fleet.trace)
        fleet.say("claims-0 has a leader")
        claims.has_leader = True
        await fleet.calm()
        for worker, error in fleet.exits:
            if worker is not second or (error is not None and change == "joins"):
                raise Failed(f"{worker.name} had to end: {error}", fleet.trace)

    return told


async def leader_lost_at_release(fleet: Fleet) -> None:
    """The log of claims loses its leader when a worker has begun to release its partitions for a newcomer."""
    claims = fleet.brokers.partitions[TopicPartition(CLAIMS, 0)]
    fleet.start("A")
    for partition in fleet.published:
        fleet.publish(partition, 5)
    await fleet.calm()
    lost = False

    def on_step(process: Process, name: str) -> None:
        nonlocal lost
        if not lost and process.name == "A" and name == f"before produce {CLAIMS}-0":
            lost = True
            fleet.say(f"{CLAIMS}-0 has no leader")
            claims.has_leader = False

    fleet.on_step = on_step
    fleet.start("B")
    await fleet.pause(AWAY_SECONDS)
    if not lost:
        raise Failed("A has released nothing", fleet.trace)
    fleet.say(f"{CLAIMS}-0 has a leader")
    claims.has_leader = True
    for partition in fleet.published:
        fleet.publish(partition)
    await fleet.calm()
    if fleet.exits:
        raise Failed(f"{fleet.exits[0][0].name} had to end: {fleet.exits[0][1]}", fleet.trace)


class LoseLeader:
    """Takes the leader away once, at the moment; `then` something else."""

    def __init__(self, fleet: Fleet, topic: str, moment: str, away: list[TopicPartition]) -> None:
        self._away = away
        self._fleet = fleet
        self._topic = topic
        self._moment = moment
        self._writer: Process | None = None
        self.happened = False
        self.then: Callable[[], Any] = lambda: None

    def on_step(self, process: Process, name: str) -> None:
        if name == f"after produce {self._topic}-0":
            self._writer = process
        in_transaction = process is self._writer and name.startswith(self._moment)
        if not self.happened and (in_transaction or not self._moment):
            self.happened = True
            self._fleet.say(f"{self._topic}-0 has no leader")
            for each in self._away:
                self._fleet.brokers.partitions[each].has_leader = False
            self.then()


STORIES = [without_claims(change) for change in ("killed", "restarts", "joins")]
# With a commit whose markers are left out the last transaction is to be ended as committed; otherwise the one
# that failed is to be aborted.
STORIES += [
    without_leader(topic, workers, moment, leave_out_markers=left_out)
    for moment, left_out in (
        ("after commit", True),
        ("after produce", True),
        ("", True),
        ("after commit", False),
    )
    for topic in OTHERS
    for workers in (1, 2)
    if topic != SOURCE or not moment
]
# All markers but those of this log are written, so no process learns of a failure.
STORIES += [
    without_leader(topic, 2, "after commit", leave_out_markers=True, publishes=False)
    for topic in (OUT, INTERNAL)
]
STORIES += [
    without_leader(OUT, workers, moment, leave_out_markers=True, with_claims=True)
    for workers in (1, 2)
    for moment in ("", "after produce", "after commit")
]
STORIES += [leader_lost_at_release]
