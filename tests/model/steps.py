"""What can happen in a state, what it leads to, and what must hold in every state."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.model import broker, group, takeover, worker
from tests.model.world import Applied, Process, State, World, replace


class Step(NamedTuple):
    """Something that can happen. `who` is the number of a worker, or a process; `what` depends on the name."""

    name: str
    who: int | Process | None = None
    what: Any = None
    fault: str = ""
    """The fault of `Faults` that this is, if it is one."""


class WrongRecords(Exception):
    """The committed records of a partition are not 0, 1, 2, ..."""


def steps(world: World, state: State) -> list[Step]:
    """Return all that can happen, faults that may still happen included."""
    faults = state.faults
    found = list(_coordinator_steps(world, state))
    found += [Step("assign", None, each) for each in group.assignments(state.group)]
    for member in state.group.members:
        if not state.lives(member):
            found.append(Step("put_out", member))
        elif faults.put_out:
            found.append(Step("put_out", member, fault="put_out"))
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
                # Nothing else ends this transaction in that variant.
                yield Step("time_out", process)
            elif state.faults.timed_out:
                yield Step("time_out", process, fault="timed_out")


def _worker_steps(world: World, state: State, number: int) -> Iterator[Step]:
    me, process = state.workers[number], state.process(number)
    may_begin = broker.may_begin(state, process)
    if me.request:
        if me.request != "begin" or may_begin:
            yield Step(me.at, number, me.request)
        return
    again = group.must_join_again(state.group, process)
    if me.at in ("join", "wait"):
        if me.at == "join" or again:
            yield Step("join", number)
        elif not state.group.rebalancing:
            yield Step("assigned", number)
        return
    if again:
        yield Step("release", number)
    if me.at == "cycle":
        ready = tuple(each for each in me.mine if me.positions[each] < world.records) if may_begin else ()
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


def _answers(world: World, state: State, target: Process) -> bool:
    # An answer of CONCURRENT_TRANSACTIONS that changes nothing is left out.
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


def happen(world: World, state: State, step: Step) -> State:
    """Return the state after a step. Raises WrongRecords if a partition is wrong then."""
    if step.fault:
        left = {step.fault: getattr(state.faults, step.fault) - 1}
        state = replace(state, faults=replace(state.faults, **left))
    if step.name == "marker":
        state = broker.write_marker(state, step.who, step.what)
        _check(state, step.what)
        return state
    if step.name == "time_out":
        return broker.abort(state, step.who)
    if step.name == "assign":
        return replace(state, group=group.assign(state.group, step.what))
    if step.name == "put_out":
        return replace(state, group=group.put_out(state.group, step.who))
    if step.name == "reset":
        return replace(state, group=group.reset(state.group))
    if step.name == "kill":
        return worker.exit_process(world, state, step.who)
    if step.name == "restart":
        return worker.restart(world, state, step.who)
    return _work(world, state, step)


def _work(world: World, state: State, step: Step) -> State:
    number = step.who
    me = state.workers[number]
    if step.name == "join":
        return worker.join(world, state, number)
    elif step.name == "assigned":
        after = takeover.take_assignment(world, state, number)
    elif step.name == "look":
        after = takeover.look(world, state, number)
    elif step.name == "look_again":
        after = takeover.look_again(world, me)
    elif step.name == "give_way":
        after = takeover.give_way(world, state, number)
    elif step.name == "fence":
        state, after = takeover.fence(world, state, number, step.what)
    elif step.name == "read":
        after = takeover.read(world, state, number, step.what)
    elif step.name == "release" and not me.request:
        return worker.release(world, state, number)
    else:
        try:
            return worker.transact(
                world, state, number, step.what if step.name == "cycle" and not me.request else ()
            )
        except broker.Fenced:
            after = None
    if after is None:
        return worker.exit_process(world, state, number)
    return worker.set_worker(state, number, after)


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


def hits_live_member(state: State, step: Step) -> bool:
    """Whether a step fences a process that runs, is in the group and was not fenced before."""
    target = step.what
    return (
        step.name == "fence"
        and state.lives(target)
        and target in state.group.members
        and not state.id_of(target).epoch
    )
