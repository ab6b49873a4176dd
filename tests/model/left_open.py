"""Stories in which a process ends that left something open in a log without a leader; others must end it."""

from collections.abc import Callable
from typing import Any, Literal

from aiokafka import TopicPartition

from streams.contract.wire.topics import CLAIMS
from tests.model.destinations import LoseLeader
from tests.model.fleet import INTERNAL, OUT, STATE, Failed, Fleet, Process

Told = Callable[[Fleet], Any]
End = Literal["killed", "leaves"]

# The log has no leader until others have taken everything over.
AWAY_SECONDS = 3.0


def left_open(topic: str, moment: str, end: End, *, heirs: str = "B") -> Told:
    """A writes to the first partition of a topic, which loses its leader at the moment; then A ends.

    Each of the `heirs` ends before the leader is back, but the last one.
    """

    async def told(fleet: Fleet) -> None:
        fleet.brokers.leave_out_markers = True
        away = TopicPartition(topic, 0)
        lose = LoseLeader(fleet, topic, moment, [away])
        for partition in fleet.published:
            fleet.publish(partition, 5)
        first = fleet.start("A")
        lose.then = lambda: fleet.kill(first, restart=False) if end == "killed" else first.leaving.set()
        if topic != CLAIMS:
            # A worker writes its claims first of all.
            await fleet.calm()
        fleet.on_step = lose.on_step
        for partition in fleet.published:
            fleet.publish(partition)
        await fleet.pause(1.0)
        if not lose.happened:
            raise Failed(f"{topic}-0 did not lose its leader", fleet.trace)
        for name in heirs[:-1]:
            heir = fleet.start(name)
            await fleet.pause(AWAY_SECONDS)
            if end == "killed":
                fleet.kill(heir, restart=False)
            else:
                heir.leaving.set()
            await fleet.pause(1.0)
        fleet.start(heirs[-1])
        await fleet.pause(AWAY_SECONDS)
        fleet.say(f"{topic}-0 has a leader")
        fleet.brokers.partitions[away].has_leader = True
        await fleet.calm()

    return told


def in_two_transactions(records: int) -> Told:
    """A log has no leader when a transaction ends that is committed, and the next one, which writes there
    again, fails for another log: its marker must not end both.

    Whether the next one writes there at first or with what follows depends on the number of `records` before.
    """

    async def told(fleet: Fleet) -> None:
        await _fail_after_a_marker_was_left_out(fleet, records)

    return told


def begun_before_the_marker(records: int) -> Told:
    """As in_two_transactions, but the next one has begun, and waits for the markers, when the log loses its
    leader.
    """

    async def told(fleet: Fleet) -> None:
        await _leave_a_marker_out_while_the_next_one_waits(fleet, records, _nothing)
        await _fail_before(fleet, "before produce out-0")

    return told


def given_up_before_the_marker(records: int) -> Told:
    """As begun_before_the_marker, but the next one fails before it has added all its logs."""

    async def told(fleet: Fleet) -> None:
        state = fleet.brokers.partitions[TopicPartition(STATE, 1)]

        def give_up(process: Process, name: str) -> None:
            if name == "after add out-0" and fleet.brokers.ids[process.name].phase == "open":
                fleet.say("state-1 has no leader, and the coordinator does not answer")
                state.has_leader = False
                fleet.brokers.coordinator_answers = False
                fleet.on_step = _nothing

        await _leave_a_marker_out_while_the_next_one_waits(fleet, records, give_up)
        await fleet.pause(2.0)
        fleet.say("the coordinator answers")
        fleet.brokers.coordinator_answers = True
        await fleet.pause(AWAY_SECONDS)
        state.has_leader = True
        await fleet.calm()

    return told


async def _leave_a_marker_out_while_the_next_one_waits(
    fleet: Fleet, records: int, then: Callable[[Process, str], None]
) -> None:
    """The output has a leader again before the next transaction tries again; `then` sees its steps."""
    await _begin(fleet, records)
    out = fleet.brokers.partitions[TopicPartition(OUT, 0)]
    written: list[str] = []

    def hold(_process: Process, name: str) -> None:
        if name == "after produce out-0":
            written.append(name)
        elif written and name == "after commit":
            fleet.markers.stopped = True
        elif fleet.markers.stopped and name == "after add out-0":
            fleet.say("out-0 has no leader")
            out.has_leader = False
            fleet.markers.stopped = False
            fleet.on_step = then

    fleet.on_step = hold
    while fleet.on_step is hold:
        for partition in fleet.published:
            fleet.publish(partition)
        await fleet.pause(0.05)
    await fleet.pause(0.01)
    fleet.say("out-0 has a leader")
    out.has_leader = True


def _nothing(_process: Process, _step: str) -> None:
    """Let a step pass."""


async def _begin(fleet: Fleet, records: int) -> None:
    fleet.brokers.leave_out_markers = True
    fleet.start("A")
    for partition in fleet.published:
        fleet.publish(partition, records)
    await fleet.calm()


async def _fail_after_a_marker_was_left_out(fleet: Fleet, records: int) -> None:
    await _begin(fleet, records)
    out = TopicPartition(OUT, 0)
    lose = LoseLeader(fleet, OUT, "after commit", [out])
    fleet.on_step = lose.on_step

    for partition in fleet.published:
        fleet.publish(partition)
    while not lose.happened:
        await fleet.pause(0.01)
    # The markers are written, or left out, within some milliseconds.
    await fleet.pause(0.05)
    fleet.say("out-0 has a leader")
    fleet.brokers.partitions[out].has_leader = True
    await _fail_before(fleet, "before add out-0")


async def _fail_before(fleet: Fleet, step: str) -> None:
    """The next transaction that comes to this step fails."""
    states = [fleet.brokers.partitions[TopicPartition(STATE, n)] for n in fleet.published]

    def on_step(_process: Process, name: str) -> None:
        if name == step:
            fleet.say("no state has a leader")
            for each in states:
                each.has_leader = False

    fleet.on_step = on_step
    for partition in fleet.published:
        fleet.publish(partition)
    await fleet.pause(AWAY_SECONDS)
    fleet.on_step = _nothing
    for each in states:
        each.has_leader = True
    await fleet.calm()


# Those that few mutants fail come first.
STORIES: list[Told] = [
    told(records) for told in (begun_before_the_marker, given_up_before_the_marker) for records in range(3, 7)
]
STORIES += [in_two_transactions(records) for records in range(3, 7)]
STORIES += [
    left_open(topic, moment, end, heirs=heirs)
    for topic in (OUT, INTERNAL, STATE, CLAIMS)
    for moment, end in (("after commit", "killed"), ("after commit", "leaves"), ("after produce", "killed"))
    for heirs in ("B", "BC")
    # Without its log of claims nobody can take over what has to be noted there.
    if topic != CLAIMS or heirs == "B"
]
