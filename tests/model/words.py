"""Describes a run in words: a line per step with the worker, the name of the step, and its result."""

from collections.abc import Callable, Iterable

from tests.model import takeover
from tests.model.steps import REQUESTS, Step, WrongRecords, next_state
from tests.model.world import Process, State, World


def name_of(process: Process) -> str:
    """Return A for the first start of worker 0, A2 for its second."""
    letter = chr(ord("A") + process.worker)
    return f"{letter}{process.start + 1}" if process.start else letter


def describe(world: World, state: State, run: Iterable[Step]) -> list[str]:
    """Return a line per step. The last step may raise WrongRecords."""
    lines = []
    for count, step in enumerate(run, 1):
        try:
            after = next_state(world, state, step)
        except WrongRecords:
            after = state
        who = name_of(state.process(step.who)) if isinstance(step.who, int) else ""
        lines.append(f"{count:4} {who:4} {step.name:10} {_what(world, state, step, after)}")
        state = after
    return lines


def _what(world: World, state: State, step: Step, after: State) -> str:
    if isinstance(step.who, int):
        if step.name not in ("kill", "restart") and after.workers[step.who].at == "dead":
            return (
                "gives way: exits"
                if step.name == "give_way"
                else "the broker refuses the request, the worker is fenced: exits"
            )
        if step.what in REQUESTS:
            return _request(world, state, step)
    return SAID[step.name](world, state, step, after)


def _request(world: World, state: State, step: Step) -> str:
    worker = state.workers[step.who]
    if step.what == "begin":
        return "begins a transaction in the claims log"
    if step.what == "commit":
        return "commits; its markers are not written yet"
    if step.name == "cycle":
        (log, *_) = worker.writes
        return f"applies record {worker.positions[log]} to partition {log}"
    mine = _partitions(worker.mine)
    if step.name == "establish":
        dead = takeover.fenced_claims(world, state, worker)
        owners = _names(claim.owner for claim in dead)
        return f"repeats its claim and writes releases of {owners}"
    return f"writes its {step.name} of {mine}"


def _marker(world: World, state: State, step: Step, after: State) -> str:
    decision = "commit" if state.id_of(step.who).phase == "committing" else "abort"
    log = "the claims log" if step.what == world.partitions else f"partition {step.what}"
    return f"the {decision} of {name_of(step.who)} reaches {log}"


def _assign(world: World, state: State, step: Step, after: State) -> str:
    owners = ", ".join(f"{n} to {name_of(owner)}" for n, owner in enumerate(step.what))
    return f"generation {after.group.generation}: {_partitions(range(world.partitions)).split()[0]} {owners}"


def _assigned(world: World, state: State, step: Step, after: State) -> str:
    worker = after.workers[step.who]
    mine = _partitions(worker.mine) if worker.mine else "nothing"
    return f"gets {mine} in generation {worker.generation}"


def _look(world: World, state: State, step: Step, after: State) -> str:
    worker = after.workers[step.who]
    others = _names(worker.targets)
    if takeover.own_claim_hidden(world, state, step.who):
        return f"the own claim is hidden by a transaction of {others}"
    if not others:
        return "finds no unreleased claim of another worker"
    return f"finds claims of {others}" + (", with a higher generation" if worker.at == "give_way" else "")


def _fence(world: World, state: State, step: Step, after: State) -> str:
    target = name_of(step.what)
    if step.what in after.workers[step.who].fenced and after.id_of(step.what).phase == "none":
        return f"{target} is fenced"
    outcome = "aborted" if after.id_of(step.what).epoch else "being committed"
    return f"CONCURRENT_TRANSACTIONS: the transaction of {target} is {outcome}"


def _read(world: World, state: State, step: Step, after: State) -> str:
    worker = after.workers[step.who]
    position = worker.positions[step.what]
    if position is None:
        return f"partition {step.what} ends at offset {worker.ends[step.what]}"
    return f"partition {step.what} is read; the next record is {position}"


def _release(world: World, state: State, step: Step, after: State) -> str:
    worker = state.workers[step.who]
    return (
        f"rebalance: must release {_partitions(worker.mine)}"
        if worker.claimed
        else "rebalance: nothing to release"
    )


SAID: dict[str, Callable[[World, State, Step, State], str]] = {
    "marker": _marker,
    "time_out": lambda world, state, step, after: f"the transaction of {name_of(step.who)} is aborted",
    "assign": _assign,
    "evict": lambda world, state, step, after: f"{name_of(step.who)} is removed from the group",
    "reset": lambda world, state, step, after: "the group is deleted; generations start at 1 again",
    "kill": lambda world, state, step, after: f"killed in step {state.workers[step.who].at}",
    "restart": lambda world, state, step, after: f"restarts as {name_of(after.process(step.who))}",
    "join": lambda world, state, step, after: "joins the group",
    "assigned": _assigned,
    "look": _look,
    "look_again": lambda world, state, step, after: "read stalls at a transaction that nobody will end",
    "give_way": lambda world, state, step, after: "the own generation is current: continues",
    "fence": _fence,
    "read": _read,
    "cycle": lambda world, state, step, after: f"begins a transaction for {_partitions(step.what)}",
    "release": _release,
}


def _partitions(numbers: Iterable[int]) -> str:
    several = list(numbers)
    return f"partition{'s' if len(several) > 1 else ''} {', '.join(map(str, several))}"


def _names(processes: Iterable[Process]) -> str:
    several = [name_of(each) for each in sorted(set(processes))]
    return ", ".join(several if len(several) < 6 else (*several[:5], f"{len(several) - 5} more"))
