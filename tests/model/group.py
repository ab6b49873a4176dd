"""The consumer group: joining, generations, any assignment, putting members out."""

from collections.abc import Iterable
from itertools import product

from tests.model.world import Group, Process, replace


def must_join_again(group: Group, process: Process) -> bool:
    """Whether the process has to join: it is out of the group, or a rebalance has begun that it has not joined."""
    return process not in group.members or (group.rebalancing and process not in group.joined)


def join(group: Group, process: Process) -> Group:
    """Add a member, or let one join the rebalance under way; begin one if there is none."""
    joined = group.joined if group.rebalancing else ()
    return replace(
        group,
        rebalancing=True,
        members=_with(group.members, process),
        joined=_with(joined, process),
    )


def assignments(group: Group) -> Iterable[tuple[Process, ...]]:
    """Return every assignment that can end the rebalance: none before all members have joined."""
    if not group.rebalancing or not group.members or group.members != group.joined:
        return ()
    return product(group.members, repeat=len(group.assignment))


def assign(group: Group, assignment: tuple[Process, ...]) -> Group:
    """End the rebalance with a new generation."""
    return replace(
        group, generation=group.generation + 1, assignment=assignment, rebalancing=False, joined=()
    )


def put_out(group: Group, process: Process) -> Group:
    """Take a member out, as when its session ends. The others have to join again."""
    return replace(
        group,
        rebalancing=True,
        members=tuple(each for each in group.members if each != process),
        joined=tuple(each for each in group.joined if each != process),
    )


def reset(group: Group) -> Group:
    """Delete the group and create it anew: its generations count from 1 again."""
    return Group(0, (None,) * len(group.assignment))


def _with(members: tuple[Process, ...], process: Process) -> tuple[Process, ...]:
    # In one order, so that states do not differ by the order in which members joined.
    return tuple(sorted({*members, process}))
