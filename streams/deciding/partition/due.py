"""The schedule of a partition: when each episode or clock has its next step."""

import heapq

DueKey = tuple[str, ...]
"""The key of an episode or a clock. Steps due at the same time are taken in the order of the keys."""


class DueSteps:
    """The time at which each episode or clock is next due, served by (time, key).

    It depends on the last time set for each key alone, so a schedule rebuilt from stored state serves the
    same steps.
    """

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._heap: list[tuple[int, DueKey]] = []
        self._times: dict[DueKey, int] = {}

    def set(self, key: DueKey, time: int) -> None:
        """Schedule `key` at `time` (ms), replacing any other time."""
        if self._times.get(key) != time:
            self._times[key] = time
            heapq.heappush(self._heap, (time, key))

    def remove(self, key: DueKey) -> None:
        """Remove `key` from the schedule."""
        self._times.pop(key, None)

    def is_due(self, until: int) -> bool:
        """Return whether `pop` has to be asked: there may be a step due at `until` or before."""
        heap = self._heap
        return bool(heap) and heap[0][0] <= until

    def earliest(self) -> int | None:
        """Return the time of the next step; None if there is none."""
        heap = self._heap
        while heap:
            time, key = heap[0]
            if self._times.get(key) == time:
                return time
            # Outdated entries stay in the heap until they reach the top: removing them earlier would take a
            # search.
            heapq.heappop(heap)
        return None

    def pop(self, until: int) -> tuple[int, DueKey] | None:
        """Remove and return the next step due at `until` or before; None if there is none."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            time, key = heapq.heappop(heap)
            if self._times.get(key) == time:
                del self._times[key]
                return time, key
        return None
