"""A fetched range of records that is to be applied."""

from typing import Any, NamedTuple

from streams.running.log.claims import StatePartition
from streams.running.patches.fetched_range import FetchedRange


class Arrival(NamedTuple):
    """The records of one fetch of a partition's source, and the Faust event that stands for them.

    Without an event it is acknowledged already. `size` is what the records take in memory, in bytes.
    """

    place: StatePartition
    topic: str
    records: FetchedRange
    size: int
    event: Any = None

    def acknowledge(self) -> None:
        """Tell Faust that nothing waits for these records any more."""
        if self.event is not None:
            self.event.ack()
