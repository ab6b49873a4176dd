"""A cache that is bounded in bytes."""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedCache(dict[Key, Value], Generic[Key, Value]):
    """Holds values of at most `max_bytes` together, as far as their sizes are known.

    It is emptied when the next value would not fit: that is cheaper than keeping an order of use, and costs
    time but changes no result. Look values up with `get`, and add them with `keep` only.
    """

    __slots__ = ("_bytes", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._bytes = 0

    def keep(self, key: Key, value: Value, size: int) -> None:
        """Add a value of about `size` bytes, its key included. A value larger than the cache is not kept."""
        if self._bytes + size > self._max_bytes:
            self.clear()
            self._bytes = 0
        if size <= self._max_bytes:
            self[key] = value
            self._bytes += size
