"""The consumer group: joining, generations, any assignment, evictions."""

from collections.abc import Iterable
from itertools import product

from tests.model.world import Group, Process, replace


def must_rejoin(group: Group, process: Process) -> bool:
    """Whether the process was evicted, or a rebalance has begun that it has not joined."""
    return process not in group.members or (group.rebalancing and process not in group.joined)


def join(group: Group, process: Process) -> Group:
    """Join the rebalance under way, or begin one."""
    joined = group.joined if group.rebalancing else ()
    return replace(
        group,
        rebalancing=True,
        members=_with(group.members, process),
        joined=_with(joined, process),
    )


def assignments(group: Group) -> Iterable[tuple[Process, ...]]:
    """Return every assignment that can end the rebalance; none until all members have joined."""
    if not group.rebalancing or not group.members or group.members != group.joined:
        return ()
    return product(group.members, repeat=len(group.assignment))


def assign(group: Group, assignment: tuple[Process, ...]) -> Group:
    """End the rebalance with a new generation."""
    return replace(
        group, generation=group.generation + 1, assignment=assignment, rebalancing=False, joined=()
    )


def evict(group: Group, process: Process) -> Group:
    """Remove a member, as at the end of its session. The others must rejoin."""
    return replace(
        group,
        rebalancing=True,
        members=tuple(each for each in group.members if each != process),
        joined=tuple(each for each in group.joined if each != process),
    )


def reset(group: Group) -> Group:
    """Delete the group. Its generations start at 1 again."""
    return Group(0, (None,) * len(group.assignment))


def _with(members: tuple[Process, ...], process: Process) -> tuple[Process, ...]:
    # Sorted, so that the order of joining does not multiply the states.
    return tuple(sorted({*members, process}))
