"""What the workers tell each other through their group stays small, also beside workers of a version before, and
their shares are even.
"""

from itertools import count
from types import SimpleNamespace
from typing import Any

from faust.assignor import PartitionAssignor
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from streams.running.patches.worker_assignor import WorkerAssignor, install_even_shares
from streams.running.takeover.membership import PROTOCOL

TOPICS = {
    "message-reports",
    "verified-reports",
    "moderation-outcomes",
    "clock-outcomes",
    "message-reports-internal",
    "reporters-internal",
    "authority-requests",
    "authority-requests-internal",
}

# Brokers store a group as one record, and take no larger one by default (`message.max.bytes`).
LARGEST_RECORD = 1_048_588


class EarlierAssignor(PartitionAssignor):
    """That of 0.2."""

    @property
    def name(self) -> str:
        return PROTOCOL


def faust_app(number: int) -> Any:
    def nothing(*_: Any) -> None:
        pass

    return SimpleNamespace(
        tables=SimpleNamespace(data={}, changelog_topics=set()),
        conf=SimpleNamespace(canonical_url=URL(f"http://worker-{number}.example.internal:6066")),
        tracer=None,
        sensors=SimpleNamespace(on_assignment_start=nothing, on_assignment_completed=nothing),
    )


class Group:
    """Members that join again and again; the first one leads."""

    def __init__(self, members: list[PartitionAssignor], partitions: int) -> None:
        self.members = {f"member-{number}": member for number, member in enumerate(members)}
        self.partitions = set(range(partitions))

    def rebalance(self) -> int:
        """Share the partitions; return the bytes of what the brokers store."""
        said = {name: member.metadata(TOPICS) for name, member in self.members.items()}
        cluster = SimpleNamespace(partitions_for_topic=lambda _topic: self.partitions)
        shares = next(iter(self.members.values())).assign(cluster, said)
        for name, share in shares.items():
            self.members[name].on_assignment(share)
        return sum(len(each.encode()) for each in (*said.values(), *shares.values()))

    def shares(self) -> dict[str, set[int]]:
        """The partitions of each member, which are the same of every topic."""
        return {
            name: {tp.partition for tp in member.assigned_actives()} for name, member in self.members.items()
        }

    def owned(self) -> list[tuple[str, int]]:
        return sorted(
            (tp.topic, tp.partition) for each in self.members.values() for tp in each.assigned_actives()
        )


def group_of(assignor: type[PartitionAssignor], workers: int, partitions: int) -> Group:
    return Group([assignor(faust_app(number)) for number in range(workers)], partitions)


def test_a_group_of_fifty_workers_fits_into_a_record_of_the_brokers() -> None:
    """Without our change it does not, and then no worker gets a partition."""
    sizes = {}
    for assignor in (EarlierAssignor, WorkerAssignor):
        group = group_of(assignor, 50, 500)
        group.rebalance()
        sizes[assignor] = group.rebalance()
    assert sizes[EarlierAssignor] > LARGEST_RECORD
    assert sizes[WorkerAssignor] < LARGEST_RECORD / 10


def test_what_the_brokers_store_grows_with_the_fleet_and_not_with_its_square() -> None:
    sizes = []
    for workers, partitions in ((10, 100), (20, 200)):
        group = group_of(WorkerAssignor, workers, partitions)
        group.rebalance()
        sizes.append(group.rebalance())
    assert sizes[1] < 2.2 * sizes[0]


@given(st.integers(1, 60), st.lists(st.integers(1, 20), min_size=1, max_size=5), st.randoms())
def test_shares_are_even_whoever_comes_and_goes_and_no_more_moves_than_that_takes(
    partitions: int, sizes: list[int], chance: Any
) -> None:
    install_even_shares()
    group = group_of(WorkerAssignor, 0, partitions)
    numbers = count()
    for size in sizes:
        while len(group.members) > size:
            group.members.pop(chance.choice(list(group.members)))
        before = group.shares()
        while len(group.members) < size:
            number = next(numbers)
            group.members[f"member-{number}"] = WorkerAssignor(faust_app(number), replicas=1)
        group.rebalance()
        after = group.shares()
        assert sorted(number for share in after.values() for number in share) == [*range(partitions)]
        assert max(map(len, after.values())) - min(map(len, after.values())) <= 1
        assert all(share <= after[name] or after[name] <= share for name, share in before.items())
        group.rebalance()
        assert group.shares() == after


def test_workers_of_a_version_before_are_in_the_same_group() -> None:
    """Whoever leads: each partition has one owner, and keeps it."""
    every = sorted((topic, partition) for topic in TOPICS for partition in range(12))
    for assignors in ((EarlierAssignor, WorkerAssignor), (WorkerAssignor, EarlierAssignor)):
        group = Group([assignor(faust_app(number)) for number, assignor in enumerate(assignors)], 12)
        group.rebalance()
        before = {name: member.assigned_actives() for name, member in group.members.items()}
        group.rebalance()
        assert group.owned() == every
        assert {name: member.assigned_actives() for name, member in group.members.items()} == before
