"""The circuit breaker that stops a stage when a faulty publisher or a wrong topic floods it."""

import struct
from collections import deque

# A thousand records are seconds of traffic: enough that a bad minute of one small publisher does not trip the
# breaker, few enough that little goes to the dead letters before an operator looks.
WINDOW = 1_000

_HEAD = struct.Struct(">Q")


class FloodDetected(Exception):
    """More than half of a partition's last 1,000 records could not be decoded; do not use the batch."""

    def __init__(self, stage: str, partition: int, dead_letters: int) -> None:
        super().__init__(
            f"{dead_letters} of the last {WINDOW} records of partition {partition} could not be read as {stage}. "
            "Nothing of this batch was written. Check what is published to its topics; to have such records written to "
            "dead-letters instead, set TOCSIN_DEAD_LETTER_BREAKER=off."
        )


class FloodWindow:
    """The dead letters among the last 1,000 records, as their sequence numbers."""

    __slots__ = ("_dead", "_seen")

    def __init__(self) -> None:
        self._seen = 0
        self._dead: deque[int] = deque()

    def note(self, *, dead: bool) -> bool:
        """Count one record; return True if the window is full and more than half of it are dead letters."""
        self._seen = seen = self._seen + 1
        letters = self._dead
        if dead:
            letters.append(seen)
        if not letters:
            return False
        if letters[0] <= seen - WINDOW:
            letters.popleft()
        return 2 * len(letters) > WINDOW and seen >= WINDOW

    @property
    def dead_letters(self) -> int:
        """Dead letters among the last 1,000 records."""
        return len(self._dead)

    def encode(self) -> bytes:
        """Return the number of records seen, then each dead letter's age in records: 8 bytes without any."""
        ages = [self._seen - number for number in self._dead]
        return _HEAD.pack(self._seen) + struct.pack(f">{len(ages)}H", *ages)

    @classmethod
    def decode(cls, data: bytes) -> "FloodWindow":
        """Read the bytes of `encode`."""
        window = cls()
        (window._seen,) = _HEAD.unpack_from(data)
        ages = struct.unpack_from(f">{(len(data) - _HEAD.size) // 2}H", data, _HEAD.size)
        window._dead.extend(window._seen - age for age in ages)
        return window
