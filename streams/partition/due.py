"""What happens when the time of a partition has come far enough."""

import heapq

DueKey = tuple[str, ...]
"""The key of an episode or a clock. Equal times are served in the order of the keys, field by field."""


class DueSteps:
    """The one time at which each episode or clock is next due, served by (time, key).

    A function of the times set last: rebuilt from stored state it serves the same steps as one that grew with them.
    """

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._heap: list[tuple[int, DueKey]] = []
        self._times: dict[DueKey, int] = {}

    def set(self, key: DueKey, time: int) -> None:
        """Make `key` due at `time` (ms) and at no other time."""
        if self._times.get(key) != time:
            self._times[key] = time
            heapq.heappush(self._heap, (time, key))

    def remove(self, key: DueKey) -> None:
        """Make `key` due at no time."""
        self._times.pop(key, None)

    def earliest(self) -> int | None:
        """The time of the next step; None if there is none."""
        heap = self._heap
        while heap:
            time, key = heap[0]
            if self._times.get(key) == time:
                return time
            # Rescheduled entries stay in the heap until they come up: removing them earlier would take a search.
            heapq.heappop(heap)
        return None

    def pop(self, until: int) -> tuple[int, DueKey] | None:
        """Take the next step that is due at `until` or before; None if there is none."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            time, key = heapq.heappop(heap)
            if self._times.get(key) == time:
                del self._times[key]
                return time, key
        return None
