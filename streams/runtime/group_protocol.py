"""The protocol of the workers' consumer group: versions that must not share partitions cannot be in one group."""

from faust.assignor import PartitionAssignor

from streams.runtime.errors import RefusedToStart

# The brokers refuse a member that does not know the protocol of the others. Change the name when older workers must not
# run together with newer ones. Versions before the claims log used Faust's own name, `faust`: they write no claims, so
# nobody could fence them.
PROTOCOL = "tocsin-claims"


class WorkerAssignor(PartitionAssignor):
    """Faust's way to share partitions, under a name of our own."""

    @property
    def name(self) -> str:
        """The name of the protocol."""
        return PROTOCOL


def other_protocol(group: str) -> RefusedToStart:
    """The error of a worker that the brokers did not let into its group."""
    return RefusedToStart(
        f"the consumer group {group} has members of another version: workers of a version before the topic `claims`, or a "
        "consumer that is no worker. They must not share partitions with this one. Stop all of them, then start the new "
        "version: see docs/operations.md, 'Running'."
    )
