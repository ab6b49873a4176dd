"""What is to happen when the time of a partition has come far enough."""

import heapq
from collections.abc import Iterator
from typing import NamedTuple


class EpisodeKey(NamedTuple):
    """There is at most one episode per key. The order of the fields is the order in which equal times are served."""

    channel: str
    policy: str
    mode: str


class ClockKey(NamedTuple):
    """A legal clock of a channel, or of a request, whose id stands in place of the channel's ref.

    Its order among episodes' keys is that of the texts in both.
    """

    channel: str
    clock_id: str


DueKey = EpisodeKey | ClockKey


class DueTransitions:
    """The one time at which each episode or clock is next due, served by (time, key).

    A function of the times set last: a rebuild from what is kept serves the same as one that grew with them.
    """

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._heap: list[tuple[int, DueKey]] = []
        self._times: dict[DueKey, int] = {}

    def set(self, key: DueKey, time: int) -> None:
        """Make `key` due at `time` (ms) instead of whenever it was due before."""
        if self._times.get(key) != time:
            self._times[key] = time
            heapq.heappush(self._heap, (time, key))

    def remove(self, key: DueKey) -> None:
        """Let nothing of `key` be due."""
        self._times.pop(key, None)

    def earliest(self) -> int | None:
        """The time of the next one; None when nothing waits."""
        heap = self._heap
        while heap:
            time, key = heap[0]
            if self._times.get(key) == time:
                return time
            # What was rescheduled stays in the heap until it comes up: removing it earlier would be a search.
            heapq.heappop(heap)
        return None

    def pop(self, until: int) -> tuple[int, DueKey] | None:
        """Take the next one due at `until` or before."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            time, key = heapq.heappop(heap)
            if self._times.get(key) == time:
                del self._times[key]
                return time, key
        return None


class ExpiryDays:
    """Keys by the day (days since the epoch) on which nothing of them is left.

    Grouped by day because a quiet channel then costs one place in a set, not an entry in a heap, and a day is
    found among 31.
    """

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, set[bytes]] = {}

    def move(self, key: bytes, old: int | None, new: int) -> None:
        """Let `key` expire on day `new` instead of `old`."""
        if old is not None:
            keys = self._days[old]
            keys.discard(key)
            if not keys:
                del self._days[old]
        self._days.setdefault(new, set()).add(key)

    def earliest(self) -> int | None:
        """The first day on which something expires."""
        return min(self._days, default=None)

    def pop(self, until: int) -> Iterator[bytes]:
        """Take out the keys that expire on day `until` or before."""
        for day in sorted(day for day in self._days if day <= until):
            yield from self._days.pop(day)
