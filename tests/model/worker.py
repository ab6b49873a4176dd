"""A worker's life: its transactions (claim, establish, cycle, release) with one request per step, exit, restart."""

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
    """Return the state with this worker replaced."""
    return replace(state, workers=put(state.workers, number, worker))


def exit_process(world: World, state: State, number: int) -> State:
    """End the process. What it has not sent to the broker is lost."""
    nothing = (None,) * world.partitions
    start = state.workers[number].start
    return set_worker(state, number, Worker(nothing, nothing, nothing, start, at="dead"))


def restart(world: World, state: State, number: int) -> State:
    """Start the worker with a new transactional id. InitProducerId for it is left out: nobody else knows the id yet."""
    nothing = (None,) * world.partitions
    start = state.workers[number].start + 1
    state = replace(state, ids=put(state.ids, number, (*state.ids[number], TransactionalId())))
    return set_worker(state, number, Worker(nothing, nothing, nothing, start))


def transact(world: World, state: State, number: int, batch: tuple[int, ...] = ()) -> State:
    """Send the next request of the present step's transaction. A cycle begins with the partitions in `batch`.

    Raises Fenced.
    """
    worker, process = state.workers[number], state.process(number)
    if worker.request == "write":
        log, *left = worker.writes
        state = broker.write(state, process, log, _contents(world, state, worker, process, log))
        worker = replace(worker, request="write" if left else "commit", writes=tuple(left))
        if worker.at == "cycle":
            position = worker.positions[log]
            assert position is not None
            worker = replace(worker, positions=put(worker.positions, log, position + 1))
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
    # The own claim first: the first record of each transaction in the claims log must be about its writer.
    dead = takeover.fenced_claims(world, state, worker)
    return [claims[0], *(Release(claim.owner, claim.partition) for claim in dead)]


def _committed(world: World, state: State, worker: Worker) -> Worker:
    if worker.at == "cycle":
        return replace(worker, request=None)
    if worker.at == "release":
        return _released(world, worker)
    return takeover.next_step(world, state, replace(worker, claimed=True))


def release(world: World, state: State, number: int) -> State:
    """React to a rebalance: cancel a takeover, note what is kept, and release the claims before rejoining."""
    worker = state.workers[number]
    if world.protocol.notes_end_first:
        worker = _noted(state, worker)
    after = _released(world, worker)
    if worker.claimed:
        after = replace(after, at="release", request="begin", mine=worker.mine)
    return set_worker(state, number, after)


def join(world: World, state: State, number: int) -> State:
    """Join or rejoin the group."""
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
    """Note the end of each log whose state is in memory, to tell at the next takeover whether anybody wrote since."""
    kept = tuple(
        former if position is None else Kept(len(log), position)
        for former, position, log in zip(worker.kept, worker.positions, state.logs[:-1], strict=True)
    )
    return replace(worker, kept=kept)
