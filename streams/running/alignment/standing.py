"""Where the alignment of a worker's sources stands, for metrics."""

from collections.abc import Mapping
from typing import NamedTuple


class Standing(NamedTuple):
    """What operators see of it.

    `behind`: by how many seconds each partition that this worker owns is behind its clock, 0 while nobody of
    the fleet is behind. `held`: how many sources of this worker wait, by topic without prefix. `left_out`:
    how many partitions of the fleet nobody waits for while it catches up. `given_up`: those of them that were
    waited for long enough.
    """

    behind: Mapping[int, float] = {}
    held: Mapping[str, int] = {}
    left_out: int = 0
    given_up: frozenset[int] = frozenset()
