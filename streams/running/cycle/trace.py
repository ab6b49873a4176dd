"""What follows the transactions of a worker."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from streams.running.log.claims import StatePartition
from streams.running.partitions.prepared import Prepared

Trace = Callable[[Mapping[StatePartition, Prepared], int], AbstractContextManager[None]]
"""Encloses the writing of what partitions prepared, in a cycle that began at a time (ns since the epoch).

What follows from it in the same transaction is enclosed once more. It may add headers to the writes, and must
not wait for anything.
"""


def untraced(_prepared: Mapping[StatePartition, Prepared], _began: int) -> AbstractContextManager[None]:
    """Follow nothing."""
    return nullcontext()
