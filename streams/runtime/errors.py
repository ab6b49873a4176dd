"""What stops a worker. Each message tells the operator what is wrong and what to do."""


class RefusedToStart(Exception):
    """Something outside the process must change first; restarting alone does not help."""


class OwnershipLost(Exception):
    """Another worker owns the partition, a transaction did not commit in its time, or records got lost on their way.

    The partition's state in memory is worthless from here on. The process must end; the next takeover restores the
    last committed state and loses and repeats nothing. `fenced` is true when the broker said that there is another
    owner.
    """

    def __init__(self, message: str, *, fenced: bool = False) -> None:
        super().__init__(message)
        self.fenced = fenced
