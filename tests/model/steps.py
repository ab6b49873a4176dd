"""Which steps are possible in a state, the state after a step, and what must hold in every state."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.model import broker, group, takeover, worker
from tests.model.world import Applied, Process, State, Worker, World, replace


class Step(NamedTuple):
    """A possible step. `fault` is the field of Faults that it uses up; empty if it is not a fault.

    `who` is the number of the worker that acts, or the process that the step is done to. `what` depends on the name: a
    request of a transaction, a log, a process to fence, an assignment.
    """

    name: str
    who: Any = None
    what: Any = None
    fault: str = ""


REQUESTS = ("begin", "write", "commit")


class WrongRecords(Exception):
    """The committed records of a partition are not 0, 1, 2, ..."""


def steps(world: World, state: State) -> list[Step]:
    """Return all possible steps, with the faults that may still happen."""
    faults = state.faults
    found = list(_coordinator_steps(world, state))
    found += [Step("assign", None, each) for each in group.assignments(state.group)]
    for member in state.group.members:
        if not state.lives(member):
            found.append(Step("evict", member))
        elif faults.evict:
            found.append(Step("evict", member, fault="evict"))
    if faults.reset and state.group.generation and not state.group.members:
        found.append(Step("reset", fault="reset"))
    for number, each in enumerate(state.workers):
        if each.at == "dead":
            found.append(Step("restart", number))
            continue
        if faults.kill:
            found.append(Step("kill", number, fault="kill"))
        found += _worker_steps(world, state, number)
    return found


def _coordinator_steps(world: World, state: State) -> Iterator[Step]:
    for number, starts in enumerate(state.ids):
        for start, known in enumerate(starts):
            process = Process(number, start)
            if known.phase != "open":
                yield from (Step("marker", process, log) for log in known.logs)
            elif "fence" not in world.protocol.takeover and not state.lives(process):
                # Only the time-out ends it in this variant.
                yield Step("time_out", process)
            elif state.faults.time_out:
                yield Step("time_out", process, fault="time_out")


def _worker_steps(world: World, state: State, number: int) -> Iterator[Step]:
    me, process = state.workers[number], state.process(number)
    may_begin = broker.may_begin(state, process)
    if me.request:
        if me.request != "begin" or may_begin:
            yield Step(me.at, number, me.request)
        return
    again = group.must_rejoin(state.group, process)
    if me.at in ("join", "wait"):
        if me.at == "join" or again:
            yield Step("join", number)
        elif not state.group.rebalancing:
            yield Step("assigned", number)
        return
    if again:
        yield Step("release", number)
    if me.at == "cycle":
        ready = tuple(each for each in me.mine if _lacks_records(world, me, each)) if may_begin else ()
        if ready:
            yield Step("cycle", number, ready)
        if len(ready) > 1:
            yield from (Step("cycle", number, (each,)) for each in ready)
    elif me.targets and me.at in ("look", "fence"):
        yield from (Step("fence", number, each) for each in me.targets if _answers(world, state, each))
    elif me.at == "look":
        yield from _looks(world, state, number)
    elif me.at == "read":
        yield from _reads(world, state, number)
    else:
        yield Step("give_way", number)


def _lacks_records(world: World, me: Worker, partition: int) -> bool:
    position = me.positions[partition]
    return position is not None and position < world.records


def _answers(world: World, state: State, target: Process) -> bool:
    # CONCURRENT_TRANSACTIONS from a decided transaction changes nothing: such a step is left out.
    decided = state.id_of(target).phase in ("committing", "aborting")
    return not decided or not world.protocol.repeats_fence


def _looks(world: World, state: State, number: int) -> Iterator[Step]:
    process = state.process(number)
    log = world.partitions
    if not takeover.own_claim_hidden(world, state, number):
        yield Step("look", number)
    elif "fence" in world.protocol.takeover:
        if takeover.abandoned(state, log, process):
            yield Step("look", number)
        elif state.faults.late and takeover.abandoned(state, log, process, late=True):
            yield Step("look", number, fault="late")


def _reads(world: World, state: State, number: int) -> Iterator[Step]:
    me, process = state.workers[number], state.process(number)
    for partition in me.mine:
        if me.positions[partition] is not None:
            continue
        if takeover.can_read(world, state, me, partition):
            yield Step("read", number, partition)
        elif takeover.abandoned(state, partition, process):
            yield Step("look_again", number, partition)


def next_state(world: World, state: State, step: Step) -> State:
    """Return the state after a step. Raises WrongRecords if it makes the records of a partition wrong."""
    if step.fault:
        left = {step.fault: getattr(state.faults, step.fault) - 1}
        state = replace(state, faults=replace(state.faults, **left))
    match step.name:
        case "marker":
            state = broker.write_marker(state, step.who, step.what)
            _check(state, step.what)
            return state
        case "time_out":
            return broker.abort(state, step.who)
        case "assign":
            return replace(state, group=group.assign(state.group, step.what))
        case "evict":
            return replace(state, group=group.evict(state.group, step.who))
        case "reset":
            return replace(state, group=group.reset(state.group))
        case "kill":
            return worker.exit_process(world, state, step.who)
        case "restart":
            return worker.restart(world, state, step.who)
        case "join":
            return worker.join(world, state, step.who)
        case "release" if step.what not in REQUESTS:
            return worker.release(world, state, step.who)
        case "claim" | "establish" | "cycle" | "release":
            return _transact(world, state, step)
        case _:
            return _take_over(world, state, step)


def _transact(world: World, state: State, step: Step) -> State:
    batch = () if step.what in REQUESTS else step.what
    try:
        return worker.transact(world, state, step.who, batch)
    except broker.Fenced:
        return worker.exit_process(world, state, step.who)


def _take_over(world: World, state: State, step: Step) -> State:
    number = step.who
    after: Worker | None
    match step.name:
        case "assigned":
            after = takeover.take_assignment(world, state, number)
        case "look":
            after = takeover.look(world, state, number)
        case "give_way":
            after = takeover.give_way(world, state, number)
        case "fence":
            state, after = takeover.fence(world, state, number, step.what)
        case "read":
            after = takeover.read(world, state, number, step.what)
        case "look_again":
            after = takeover.look_again(world, state.workers[number])
        case _:
            raise ValueError(step.name)
    return worker.set_worker(state, number, after) if after else worker.exit_process(world, state, number)


def _check(state: State, log: int) -> None:
    numbers = [
        each.content.number
        for each in state.logs[log]
        if each.status == "committed" and isinstance(each.content, Applied)
    ]
    if numbers != list(range(len(numbers))):
        raise WrongRecords(f"partition {log} has the records {', '.join(map(str, numbers))}")


def all_applied(world: World, state: State) -> bool:
    """Whether every record of every partition is applied and committed."""
    return all(
        sum(each.status == "committed" for each in log) >= world.records
        for log in state.logs[: world.partitions]
    )


def fences_live_member(state: State, step: Step) -> bool:
    """Whether a step fences a process that runs and is a member of the group, for the first time."""
    target = step.what
    return (
        step.name == "fence"
        and state.lives(target)
        and target in state.group.members
        and not state.id_of(target).epoch
    )
