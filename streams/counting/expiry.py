"""On which day nothing is left of what is counted under a key."""

from collections.abc import Iterator


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
