"""Errors of a worker that stop it, or set a partition aside.

Each message tells the operator what is wrong and what to do.
"""


class RefusedToStart(Exception):
    """Something outside the process must change first; a restart alone does not help."""


class WrongAppendTime(Exception):
    """The append time of a record cannot be right, or its publisher chose it; its batch was not applied.

    The append times decide what is late, what lapses and what is resolved, so a worker stops rather than
    apply such a record.
    """


class OversizedRecord(Exception):
    """A record that a partition leads to is larger than its topic takes; nothing of its batch was written.

    Sets the partition aside.
    """


class OwnershipLost(Exception):
    """Another worker owns the partition, a transaction did not commit in time, or fetched records were lost.

    The partition's state in memory can no longer be trusted, and the process must end. The next takeover
    restores the last committed state; nothing is lost or repeated. `fenced` is true when the broker reported
    another owner.
    """

    def __init__(self, message: str, *, fenced: bool = False) -> None:
        super().__init__(message)
        self.fenced = fenced
