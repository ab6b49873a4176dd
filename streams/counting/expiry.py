"""The days on which the counts under each key expire."""

from collections.abc import Iterator


class ExpiryDays:
    """Keys by the day (days since the epoch) on which their counts expire.

    Grouped by day, a quiet channel costs one entry in a set instead of one in a heap, and there are only 31
    days to search.
    """

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, set[bytes]] = {}

    def move(self, key: bytes, old: int | None, new: int) -> None:
        """Make `key` expire on day `new`; `old` is its previous day, None for a new key."""
        if old is not None:
            self.remove(key, old)
        self._days.setdefault(new, set()).add(key)

    def remove(self, key: bytes, day: int) -> None:
        """Remove `key`, which expires on `day`."""
        keys = self._days[day]
        keys.discard(key)
        if not keys:
            del self._days[day]

    def earliest(self) -> int | None:
        """Return the first day on which a key expires; None without keys."""
        return min(self._days, default=None)

    def latest(self) -> int | None:
        """Return the last day on which a key expires; None without keys."""
        return max(self._days, default=None)

    def pop(self, until: int) -> Iterator[bytes]:
        """Remove and yield the keys that expire on day `until` or before; those not asked for stay."""
        for day in sorted(day for day in self._days if day <= until):
            keys = self._days[day]
            while keys:
                yield keys.pop()
            del self._days[day]
