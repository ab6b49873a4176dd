"""A worker between its assignment and its first cycle: claim, look, give_way, fence, read, establish."""

from tests.model import broker
from tests.model.broker import put
from tests.model.world import Applied, Claim, Process, Release, State, Worker, World, replace


def take_assignment(world: World, state: State, number: int) -> Worker:
    """Return the worker at the first step of taking over what it was assigned."""
    process = state.process(number)
    worker = replace(
        state.workers[number],
        generation=state.group.generation,
        mine=tuple(n for n, owner in enumerate(state.group.assignment) if owner == process),
    )
    return _go_to(world, state, worker, world.protocol.takeover if worker.mine else ())


def next_step(world: World, state: State, worker: Worker) -> Worker:
    """Return the worker at the step after its present one."""
    order = world.protocol.takeover
    return _go_to(world, state, worker, order[order.index(worker.at) + 1 :])


def _go_to(world: World, state: State, worker: Worker, steps: tuple[str, ...]) -> Worker:
    for step in steps:
        if step == "fence" and not worker.targets:
            continue
        if step == "establish" and not fenced_claims(world, state, worker):
            continue
        return replace(worker, at=step, request="begin" if step in ("claim", "establish") else None)
    nothing = (None,) * world.partitions
    return replace(worker, at="cycle", request=None, ends=nothing, targets=(), fenced=())


def abandoned(state: State, log: int, reader: Process, *, late: bool = False) -> Process | None:
    """Return the writer of the first open record if it will not end its transaction; None if it will.

    A live member of the group ends its transaction, and the markers of a decided one arrive, before the reader loses
    patience. With `late` they do not. In the claims log the record shows its writer, because the first record of each
    transaction is about its writer.
    """
    records = state.logs[log]
    stable = broker.last_stable(records)
    if stable == len(records) or records[stable].writer == reader:
        return None
    writer = records[stable].writer
    ends_it = state.lives(writer) and writer in state.group.members
    decided = state.id_of(writer).phase != "open"
    return None if (ends_it or decided) and not late else writer


def own_claim_hidden(world: World, state: State, number: int) -> bool:
    """Whether read_committed does not show the own claim yet, because it or an earlier transaction is open."""
    own = _last(state, state.process(number), Claim)
    return world.protocol.waits_for_own_claim and own >= broker.last_stable(state.logs[-1])


def look(world: World, state: State, number: int) -> Worker:
    """Read the claims log and choose whom to fence. If the own claim is hidden, that is the writer who hides it."""
    worker, process = state.workers[number], state.process(number)
    if own_claim_hidden(world, state, number):
        blocking = abandoned(state, world.partitions, process, late=True)
        assert blocking is not None
        return replace(worker, targets=(blocking,))
    begin = 0 if world.protocol.looks_from_the_beginning else _last(state, process, Release) + 1
    others = [
        claim
        for claim in _unreleased(world, state, begin)
        if claim.owner != process and claim.partition in worker.mine and claim.owner not in worker.fenced
    ]
    worker = replace(worker, targets=tuple(sorted({claim.owner for claim in others})))
    if any(claim.generation > worker.generation for claim in others):
        return replace(worker, at="give_way")
    return next_step(world, state, worker)


def give_way(world: World, state: State, number: int) -> Worker | None:
    """Ask the group whether the own generation is current. Return None if it is not: the worker must exit.

    If it is, the claims with a higher generation are from before a reset of the group.
    """
    worker, group = state.workers[number], state.group
    current = state.process(number) in group.members and group.generation == worker.generation
    if not current or not world.protocol.asks_the_group:
        return None
    return next_step(world, state, replace(worker, at="look"))


def fence(world: World, state: State, number: int, target: Process) -> tuple[State, Worker]:
    """Send one InitProducerId with the id of the target. The target is fenced once the answer is not an error."""
    worker = state.workers[number]
    state, done = broker.init_producer(state, target)
    if not done and world.protocol.repeats_fence:
        return state, worker
    left = tuple(each for each in worker.targets if each != target)
    worker = replace(worker, targets=left, fenced=tuple(sorted({*worker.fenced, target})))
    return state, worker if left or worker.at == "look" else next_step(world, state, worker)


def can_read(world: World, state: State, worker: Worker, partition: int) -> bool:
    """Whether the end of the state log is not known yet, or can be reached."""
    end = worker.ends[partition]
    return end is None or broker.last_stable(state.logs[partition]) >= end


def read(world: World, state: State, number: int, partition: int) -> Worker:
    """Ask for the high watermark of a state log; when called again, read up to it."""
    worker, log = state.workers[number], state.logs[partition]
    if worker.ends[partition] is None and world.protocol.waits_for_end:
        return replace(worker, ends=put(worker.ends, partition, len(log)))
    worker = replace(
        worker, positions=put(worker.positions, partition, _position(world, worker, log, partition))
    )
    unread = any(worker.positions[each] is None for each in worker.mine)
    return worker if unread else next_step(world, state, worker)


def look_again(world: World, worker: Worker) -> Worker:
    """Return to look, because another worker claimed later and died in a transaction. Discards what was read."""
    nothing = (None,) * world.partitions
    return replace(worker, at="look", ends=nothing, positions=nothing)


def fenced_claims(world: World, state: State, worker: Worker) -> list[Claim]:
    """Return the claims of the processes that this takeover fenced. establish releases them."""
    return [
        claim
        for claim in _unreleased(world, state)
        if claim.owner in worker.fenced and claim.partition in worker.mine
    ]


def _position(world: World, worker: Worker, log: broker.Log, partition: int) -> int:
    """Return the next record to apply: from kept state if nobody wrote since it was noted, otherwise from the log."""
    applied = [
        (at, record.content.number)
        for at, record in broker.committed(log)
        if isinstance(record.content, Applied)
    ]
    kept = worker.kept[partition]
    if kept and not (world.protocol.proves_kept_state and any(at >= kept.end for at, _ in applied)):
        return kept.position
    return applied[-1][1] + 1 if applied else 0


def _unreleased(world: World, state: State, begin: int = 0) -> list[Claim]:
    """Return the claims without a later release that read_committed shows from this offset on."""
    claims: dict[tuple[int, Process | None], Claim] = {}
    for at, record in broker.committed(state.logs[-1]):
        content = record.content
        if at < begin or isinstance(content, Applied):
            continue
        key = content.partition, content.owner if world.protocol.key_names_owner else None
        claims.pop(key, None)
        if isinstance(content, Claim):
            claims[key] = content
    return list(claims.values())


def _last(state: State, owner: Process, kind: type[Claim | Release]) -> int:
    """Return the offset of the owner's last claim or release, whatever its status; -1 if there is none."""
    for at in reversed(range(len(state.logs[-1]))):
        content = state.logs[-1][at].content
        if isinstance(content, kind) and content.owner == owner:
            return at
    return -1
