"""What a worker knows of one partition of a source that is read side by side with others."""

from collections import deque
from collections.abc import Iterable

from streams.running.alignment.arrival import Arrival
from streams.running.alignment.limits import LIVE_MS
from streams.running.log.claims import StatePartition
from streams.running.log.memory import MAX_HELD_BYTES

# Memory of the records that wait for other sources, of all sources together: a third of what may wait packed.
# Beyond that those of the source furthest ahead are dropped, and fetched again in time.
MAX_KEPT_BYTES = MAX_HELD_BYTES // 3


class Source:
    """A source of a partition. `topic` has the prefix.

    `frontier` is the latest event time (ms) that was read, at least that of the record at its head; None
    before any was seen. `read` is the latest one without the head, or when that was appended. `ahead` is the
    event time of a record at the head that waits for others. `kept` are the records that wait, in order.
    While it is `paused`, nothing of it is fetched.
    """

    __slots__ = ("ahead", "frontier", "kept", "paused", "place", "read", "topic")

    def __init__(self, place: StatePartition, topic: str, read: int) -> None:
        self.place = place
        self.topic = topic
        self.read = read
        self.frontier: int | None = None
        self.ahead: int | None = None
        self.kept: deque[Arrival] = deque()
        self.paused = False

    def waits(self) -> bool:
        """Return whether anything of it is held."""
        return self.paused or bool(self.kept)

    def is_live(self, clock: int) -> bool:
        """Return whether it is read up to a minute ago."""
        return self.frontier is not None and self.frontier >= clock - LIVE_MS

    def reach(self, moment: int) -> None:
        """Note that it is read up to an event time."""
        self.read = max(self.read, moment)
        self.ahead = None
        self._move(moment)

    def stop(self, head: int) -> None:
        """Note that it stopped before a record of this event time."""
        self.ahead = head
        self._move(head)

    def _move(self, moment: int) -> None:
        if self.frontier is None or moment > self.frontier:
            self.frontier = moment

    def keep(self, arrival: Arrival, expected: int) -> bool:
        """Keep records after those that are kept; `expected` is the next offset to apply.

        Return False if records before them were dropped: then these are fetched again, too.
        """
        if self.kept:
            expected = self.kept[-1].records.end
        if arrival.records.begin > expected:
            return False
        self.kept.append(arrival)
        return True

    def take(self) -> list[Arrival]:
        """Take all that is kept."""
        taken = list(self.kept)
        self.kept.clear()
        return taken

    def drop(self) -> None:
        """Forget what is kept; it will be fetched again."""
        self.kept.clear()


def drop_beyond(sources: Iterable[Source], most: int = MAX_KEPT_BYTES) -> None:
    """Drop what the sources furthest ahead keep, until no more than `most` bytes are kept, or one source."""
    keeping = sorted((each for each in sources if each.kept), key=lambda each: each.frontier or 0)
    size = sum(arrival.size for each in keeping for arrival in each.kept)
    while size > most and len(keeping) > 1:
        furthest = keeping.pop()
        size -= sum(arrival.size for arrival in furthest.kept)
        furthest.drop()
