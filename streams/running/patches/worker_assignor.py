"""Faust's way to share partitions, evenly, and without the lists that no worker reads."""

from collections.abc import MutableMapping

from faust.assignor import PartitionAssignor, partition_assignor
from faust.assignor.client_assignment import CopartitionedAssignment
from faust.assignor.copartitioned_assignor import CopartitionedAssignor
from faust.types.assignor import HostToPartitionMap

from streams.running.takeover.membership import PROTOCOL


class WorkerAssignor(PartitionAssignor):
    """Shares partitions under a name of our own.

    Faust tells every member which partitions all others have, and every member says so when it joins again.
    The brokers store a group as one record, which would have 1.7 MB with 50 workers and 500 partitions: more
    than brokers take by default (1 MiB), and then no worker gets a partition.
    """

    @property
    def name(self) -> str:
        """The name of the protocol."""
        return PROTOCOL

    def _get_changelog_distribution(self, assignments: object) -> HostToPartitionMap:  # noqa: ARG002
        # There are no tables. It would hold the address of each member.
        return {}

    def _get_external_topic_distribution(self, assignments: object) -> HostToPartitionMap:  # noqa: ARG002
        # Only Faust's own pages would ask it who has a key.
        return {}


class EvenShares(CopartitionedAssignor):
    """Gives every member the same number of partitions, or one more, and moves no more than that takes.

    Faust lets everybody keep as many as the largest share, so that a newcomer gets what is left: an eleventh
    worker got none of 48 partitions, a third one none of four.
    """

    def get_assignment(self) -> MutableMapping[str, CopartitionedAssignment]:
        """Share the partitions; who has most keeps the larger shares."""
        self._unassign_overassigned(active=True)
        members = sorted(self._client_assignments.items(), key=lambda each: (-len(each[1].actives), each[0]))
        share, more = divmod(self.num_partitions, len(members))
        shares = [(member, share + (place < more)) for place, (_, member) in enumerate(members)]
        for member, number in shares:
            member.actives = set(sorted(member.actives)[:number])
            # Of Faust's tables, which we have none of; a member of a version before may still name some.
            member.standbys = set()
        free = iter(self._get_unassigned(active=True))
        for member, number in shares:
            member.actives.update(next(free) for _ in range(number - len(member.actives)))
        return self._client_assignments


def install_even_shares() -> None:
    """Let every Faust app of this process share partitions evenly when it leads its group."""
    partition_assignor.CopartitionedAssignor = EvenShares  # type: ignore[attr-defined]
