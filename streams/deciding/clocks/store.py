"""The legal clocks of a partition of either stage, and their records in the state topic."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from streams.contract.events.clock import RunningStatus
from streams.contract.events.report import Category
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.deciding.clocks.clock import Clock, nearly_due, status

CLOCK_RECORD = b"L"
"""State key type of a clock. The key is: type, channel ref or request id, NUL, clock id."""


class ClockKey(NamedTuple):
    """A clock of a channel or a request. Its home is that of `ref`, the channel's ref or the request's id."""

    ref: str
    clock_id: str


class LegalClock(msgspec.Struct, array_like=True):
    """A clock that a report or a request armed for a duty.

    `sequence` is that of the last published event. `opening` is the first event, as JSON: later events take
    the report or request, the duty and the law from it, so a change of the registry does not affect a running
    clock.
    """

    clock: Clock
    obligation: str
    sequence: int
    opening: bytes


class _OfCategory(msgspec.Struct):
    """The category of a clock's opening event; a request may concern none."""

    category: Category | None = None


_encode = msgspec.msgpack.Encoder().encode
_category = msgspec.json.Decoder(_OfCategory).decode
_decode = msgspec.msgpack.Decoder(LegalClock).decode


def clock_key(name: bytes) -> ClockKey:
    """Return the clock to which a state record belongs, from its key, which begins with CLOCK_RECORD."""
    ref, _, clock_id = name[1:].decode().partition("\0")
    return ClockKey(ref, clock_id)


def read_clock(value: bytes) -> LegalClock:
    """Return the clock in a state record.

    Raises UnknownStateVersion, or msgspec.DecodeError for damaged bytes.
    """
    require_version(CLOCK_RECORD, value)
    return _decode(memoryview(value)[1:])


class LegalClockStore:
    """All clocks that have not ended. None expires: an unfulfilled duty is still owed.

    `by_status` counts them by status, `nearly_due` are those with less than a tenth of their time left.
    `size` is the number of bytes of their state records, keys included, as of the last `drain_changes`;
    `changed_bytes` about the number that the next one will yield.
    """

    __slots__ = ("_clocks", "_sizes", "_touched", "by_status", "changed_bytes", "nearly_due", "size")

    def __init__(self) -> None:
        self.by_status: Counter[RunningStatus] = Counter()
        self.nearly_due: set[ClockKey] = set()
        self.size = 0
        self.changed_bytes = 0
        self._sizes: dict[ClockKey, int] = {}
        self._clocks: dict[ClockKey, tuple[LegalClock, RunningStatus]] = {}
        self._touched: dict[ClockKey, None] = {}

    def __len__(self) -> int:
        return len(self._clocks)

    def __iter__(self) -> Iterator[tuple[ClockKey, LegalClock]]:
        return ((key, kept) for key, (kept, _) in self._clocks.items())

    def categories(self) -> Iterator[Category]:
        """Yield the category of each clock that has one. Raises msgspec.DecodeError for a damaged clock."""
        for kept, _ in self._clocks.values():
            category = _category(kept.opening).category
            if category is not None:
                yield category

    def find(self, key: ClockKey) -> LegalClock | None:
        """Return the clock with this key; None if it is not open."""
        found = self._clocks.get(key)
        return None if found is None else found[0]

    def put(self, key: ClockKey, kept: LegalClock) -> None:
        """Store a new or changed clock."""
        self._forget(key)
        self._keep(key, kept)
        if key not in self._touched:
            self._touched[key] = None
            # All but some hundred bytes of a record.
            self.changed_bytes += len(kept.opening)

    def remove(self, key: ClockKey) -> None:
        """Remove a clock that has ended."""
        self._forget(key)
        self._touched[key] = None

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, with None for one to delete."""
        for key in self._touched:
            kept = self.find(key)
            name = CLOCK_RECORD + f"{key.ref}\0{key.clock_id}".encode()
            value = None if kept is None else STATE_VERSION + _encode(kept)
            self.size -= self._sizes.pop(key, 0)
            if value is not None:
                self._measure(key, len(name) + len(value))
            yield name, value
        self._touched = {}
        self.changed_bytes = 0

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore a record that `drain_changes` yielded. Raises UnknownStateVersion."""
        name = clock_key(key)
        self._keep(name, read_clock(value))
        self._measure(name, len(key) + len(value))

    def _keep(self, key: ClockKey, kept: LegalClock) -> None:
        current = status(kept.clock)
        self._clocks[key] = (kept, current)
        self.by_status[current] += 1
        if nearly_due(kept.clock):
            self.nearly_due.add(key)

    def _measure(self, key: ClockKey, size: int) -> None:
        self._sizes[key] = size
        self.size += size

    def _forget(self, key: ClockKey) -> None:
        found = self._clocks.pop(key, None)
        if found is not None:
            self.by_status[found[1]] -= 1
            self.nearly_due.discard(key)
