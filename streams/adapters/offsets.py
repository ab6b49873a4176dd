"""Which offset of a partition may be committed while its events are delivered in any order."""

from collections import deque


class Unfinished:
    """The records of one partition that were read and are not finished, oldest first."""

    def __init__(self, next_offset: int) -> None:
        self._next = next_offset
        self._open: deque[tuple[int, int]] = deque()
        self._done: set[int] = set()

    def begin(self, offset: int, timestamp_ms: int) -> None:
        """Note a record that was read; offsets rise."""
        self._open.append((offset, timestamp_ms))
        self._next = offset + 1

    def finish(self, offset: int) -> None:
        """Note that a record needs nothing more."""
        self._done.add(offset)
        while self._open and self._open[0][0] in self._done:
            self._done.remove(self._open.popleft()[0])

    @property
    def committable(self) -> int:
        """Everything below this offset is finished."""
        return self._open[0][0] if self._open else self._next

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest unfinished record was appended; None if there is none."""
        return self._open[0][1] if self._open else None

    def __len__(self) -> int:
        return len(self._open)
