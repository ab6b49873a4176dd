"""What a partition counts while a candidate is tried, for who compares it with the rules in force."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from streams.contract.events.rules.rule_trial import TrialCountOf
from streams.contract.wire.state_records import STATE_VERSION, require_version
from streams.deciding.partition.moving import NewPartition, Shared

TRIAL_COUNTS: Final = b"t"
"""State key of the counts; only of a partition in which a candidate is tried. The key is the type alone."""

CountKey = tuple[TrialCountOf, str, int]
"""What is counted, with policy and level of episodes."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, list[tuple[TrialCountOf, str, int, int, int]], list[int]]).decode

# How many escalated channels a partition remembers, which take 18 KB in a record. A channel that comes again
# after so many others is counted twice.
_MOST_CHANNELS: Final = 2_000


class TrialCounts:
    """The numbers since `change`, the version of the log of rule changes that began the trial; 0 if none."""

    __slots__ = ("_changed", "_rows", "_seen", "change")

    def __init__(self) -> None:
        self.change = 0
        self._rows: dict[CountKey, tuple[int, int]] = {}
        # What was counted once, as hashes, the last ones at the end.
        self._seen: dict[int, None] = {}
        self._changed = False

    def begin(self, change: int) -> None:
        """Count anew if another trial is under way than before; 0: none is."""
        if change != self.change:
            self.change, self._rows, self._seen, self._changed = change, {}, {}, True

    def add(self, key: CountKey, by_in_force: int, by_candidate: int) -> tuple[int, int]:
        """Add to a number; return it."""
        before = self._rows.get(key, (0, 0))
        found = self._rows[key] = before[0] + by_in_force, before[1] + by_candidate
        self._changed = True
        return found

    def is_first(self, hashed: int) -> bool:
        """Return whether something is counted for the first time; `hashed` is a hash of it."""
        if hashed in self._seen:
            return False
        self._seen[hashed] = None
        if len(self._seen) > _MOST_CHANNELS:
            del self._seen[next(iter(self._seen))]
        return True

    def __iter__(self) -> Iterator[tuple[CountKey, tuple[int, int]]]:
        """Yield what is counted with its numbers, by the rules in force and by the candidate."""
        return iter(self._rows.items())

    def drain_change(self) -> tuple[bytes, bytes | None] | None:
        """Return the state record if it changed since the last call; without a trial it is deleted."""
        if not self._changed:
            return None
        self._changed = False
        if not self.change:
            return TRIAL_COUNTS, None
        rows = [(*key, *numbers) for key, numbers in sorted(self._rows.items())]
        return TRIAL_COUNTS, STATE_VERSION + _encode((self.change, rows, list(self._seen)))

    def restore(self, key: bytes, value: bytes) -> None:
        """Restore the record. Raises UnknownStateVersion."""
        require_version(key[:1], value)
        self.change, rows, seen = _decode(memoryview(value)[1:])
        self._seen = dict.fromkeys(seen)
        self._rows = {(of, policy, level): (old, new) for of, policy, level, old, new in rows}


def forget_counts(_new: NewPartition, _shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return nothing: what partitions had counted cannot be told apart by channel."""
    return {}
