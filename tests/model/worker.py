"""A running worker: the transactions of claim, establish, cycle and release, each with one request per step."""

from collections.abc import Iterable

from tests.model import broker, group, takeover
from tests.model.broker import put
from tests.model.world import (
    Applied,
    Claim,
    Kept,
    Process,
    Release,
    State,
    TransactionalId,
    Worker,
    World,
    replace,
)


def set_worker(state: State, number: int, worker: Worker) -> State:
    """Return the state with another worker of this number."""
    return replace(state, workers=put(state.workers, number, worker))


def exit_process(world: World, state: State, number: int) -> State:
    """End the process, by a kill or because it may not go on. Only what the broker has stays."""
    nothing = (None,) * world.partitions
    start = state.workers[number].start
    return set_worker(state, number, Worker(nothing, nothing, nothing, start, at="dead"))


def restart(world: World, state: State, number: int) -> State:
    """Start the worker again, under a transactional id that nobody else knows yet."""
    nothing = (None,) * world.partitions
    start = state.workers[number].start + 1
    state = replace(state, ids=put(state.ids, number, (*state.ids[number], TransactionalId())))
    return set_worker(state, number, Worker(nothing, nothing, nothing, start))


def transact(world: World, state: State, number: int, batch: tuple[int, ...] = ()) -> State:
    """Send the next request of the transaction of the step that the worker is in. `batch` is what a cycle begins with.

    Raises Fenced if the broker refuses it.
    """
    worker, process = state.workers[number], state.process(number)
    if worker.request == "write":
        log, *left = worker.writes
        state = broker.write(state, process, log, _contents(world, state, worker, process, log))
        worker = replace(worker, request="write" if left else "commit", writes=tuple(left))
        if worker.at == "cycle":
            worker = replace(worker, positions=put(worker.positions, log, worker.positions[log] + 1))
    elif worker.request == "commit":
        state = broker.commit(state, process)
        worker = _committed(world, state, worker)
    else:
        logs = batch or (world.partitions,)
        state = broker.begin(state, process, logs)
        worker = replace(worker, request="write", writes=logs)
    return set_worker(state, number, worker)


def _contents(
    world: World, state: State, worker: Worker, process: Process, log: int
) -> Iterable[Applied | Claim | Release]:
    if worker.at == "cycle":
        number = worker.positions[log]
        assert number is not None
        return [Applied(number)]
    if worker.at == "release":
        return [Release(process, partition) for partition in worker.mine]
    claims = [Claim(process, partition, worker.generation) for partition in worker.mine]
    if worker.at == "claim":
        return claims
    # The first record of a transaction in the claims log is about its writer.
    dead = takeover.fenced_claims(world, state, worker)
    return [claims[0], *(Release(claim.owner, claim.partition) for claim in dead)]


def _committed(world: World, state: State, worker: Worker) -> Worker:
    if worker.at == "cycle":
        return replace(worker, request=None)
    if worker.at == "release":
        return _released(world, worker)
    return takeover.next_step(world, state, replace(worker, claimed=True))


def release(world: World, state: State, number: int) -> State:
    """Hear of a rebalance: cancel a takeover, note what is kept, and release what is claimed before joining again."""
    worker = state.workers[number]
    if world.protocol.notes_end_first:
        worker = _noted(state, worker)
    if worker.claimed:
        return set_worker(state, number, replace(worker, at="release", request="begin"))
    return set_worker(state, number, _released(world, worker))


def join(world: World, state: State, number: int) -> State:
    """Join the group, or join it again."""
    worker = state.workers[number]
    if not world.protocol.notes_end_first:
        worker = replace(_noted(state, worker), positions=(None,) * world.partitions)
    state = replace(state, group=group.join(state.group, state.process(number)))
    return set_worker(state, number, replace(worker, at="wait"))


def _released(world: World, worker: Worker) -> Worker:
    nothing = (None,) * world.partitions
    positions = nothing if world.protocol.notes_end_first else worker.positions
    return Worker(nothing, positions, worker.kept, worker.start)


def _noted(state: State, worker: Worker) -> Worker:
    """Note the end of each log whose state is in memory: at the next takeover it shows whether somebody wrote since."""
    kept = tuple(
        former if position is None else Kept(len(log), position)
        for former, position, log in zip(worker.kept, worker.positions, state.logs, strict=False)
    )
    return replace(worker, kept=kept)
