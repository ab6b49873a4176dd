"""The dead letter breaker: notices that most records of a partition cannot be read.

A faulty publisher or a wrong topic is the usual cause. The runtime then reads the sources slowly from which
these records come (running/partitions/resting.py).
"""

import struct
from collections import deque

# A thousand records are seconds of traffic: enough that a bad minute of one small publisher does not trip it,
# few enough that little goes to the dead letters before the source is slowed down.
WINDOW = 1_000

_HEAD = struct.Struct(">Q")


class DeadLetterBreaker:
    """The dead letters among the last 1,000 records, as their sequence numbers."""

    __slots__ = ("_dead", "_seen")

    def __init__(self) -> None:
        self._seen = 0
        self._dead: deque[int] = deque()

    def note(self, *, dead: bool) -> None:
        """Count one record."""
        self._seen = seen = self._seen + 1
        letters = self._dead
        if dead:
            letters.append(seen)
        if letters and letters[0] <= seen - WINDOW:
            letters.popleft()

    def note_read(self, records: int) -> None:
        """Count records that could be read."""
        self._seen = seen = self._seen + records
        letters = self._dead
        while letters and letters[0] <= seen - WINDOW:
            letters.popleft()

    @property
    def is_tripped(self) -> bool:
        """Whether the window is full and more than half of it are dead letters."""
        return 2 * len(self._dead) > WINDOW and self._seen >= WINDOW

    @property
    def dead_letters(self) -> int:
        """Dead letters among the last 1,000 records."""
        return len(self._dead)

    def encode(self) -> bytes:
        """Return the number of records seen, then each dead letter's age in records: 8 bytes without any."""
        ages = [self._seen - number for number in self._dead]
        return _HEAD.pack(self._seen) + struct.pack(f">{len(ages)}H", *ages)

    @classmethod
    def decode(cls, data: bytes) -> "DeadLetterBreaker":
        """Read the bytes of `encode`."""
        breaker = cls()
        (breaker._seen,) = _HEAD.unpack_from(data)
        ages = struct.unpack_from(f">{(len(data) - _HEAD.size) // 2}H", data, _HEAD.size)
        breaker._dead.extend(breaker._seen - age for age in ages)
        return breaker
