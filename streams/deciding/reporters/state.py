"""The state of a partition of the stage of reporters, and its records in the state topic."""

from binascii import unhexlify
from collections.abc import Iterable, Iterator
from typing import Final

from streams.deciding.partition.hash_key import HashKey
from streams.deciding.partition.home import CACHED_REFS
from streams.deciding.partition.moving import ByRef, Moves
from streams.deciding.partition.state import MOVES as SHARED_MOVES
from streams.deciding.partition.state import PartitionState
from streams.deciding.partition.stores import IN_PYTHON, Stores
from streams.deciding.partition.time import EventTime
from streams.deciding.reporters.part import PART, part_store, turn_back_parts
from streams.deciding.reporters.reporter import REPORTER
from streams.deciding.reporters.rules import ReporterStageRules
from streams.deciding.reporters.store import reporter_store, turn_back

# Of a reporter's hash in the keys of state records.
HASH_BYTES: Final = 8


class ReporterState(PartitionState):
    """The state of one partition: that of every stage, its reporters, and the parts of detectors and lists.

    `time.now` follows occurred_at and decided_at.
    """

    __slots__ = ("_channel_hashes", "parts", "reporters")

    def __init__(
        self, partition: int, partitions: int, rules: ReporterStageRules, stores: Stores = IN_PYTHON
    ) -> None:
        super().__init__(None, EventTime(), partition, partitions, rules.settings, stores)
        self.reporters = reporter_store(stores.records)
        self.parts = part_store(stores.records)
        self._channel_hashes: dict[str, int] = {}

    def channel_hash(self, hash_key: HashKey, channel_ref: str) -> int:
        """Return `hash_key.channel_hash`, cached for recent channels: most reports concern few of them."""
        known = self._channel_hashes
        found = known.get(channel_ref)
        if found is None:
            if len(known) >= CACHED_REFS:
                known.clear()
            found = known[channel_ref] = hash_key.channel_hash(channel_ref)
        return found

    def begin_day(self, time: int, at_most: int) -> bool:
        """Forget reporters who were silent for long, at most so many. Returns False if some are left."""
        return self.reporters.expire(time, at_most) & self.parts.expire(time, at_most)

    def changed_bytes(self) -> int:
        """Return about how many bytes the changed reporters will take."""
        return self.reporters.changed_bytes + self.parts.changed_bytes

    def next_due(self) -> int | None:
        """Return when (ms) reporters are forgotten, or other rules take effect; None if nothing is due."""
        times = (self.due.earliest(), self.reporters.next_expiry(), self.parts.next_expiry())
        return min((time for time in times if time is not None), default=None)

    def turn_back(self, clock: int, appended: int, rules: ReporterStageRules) -> None:
        """Set the time back to `clock`, and bring the reporters who were noted at later times back to it."""
        super().turn_back(clock, appended, rules)
        turn_back(self.reporters, clock)
        turn_back_parts(self.parts, clock)

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, by key; None for one to delete."""
        yield from super().drain_changes()
        yield from self.reporters.drain_changes()
        yield from self.parts.drain_changes()


def restore_reporters(
    partition: int,
    partitions: int,
    rules: ReporterStageRules,
    entries: Iterable[tuple[bytes, bytes]],
    stores: Stores = IN_PYTHON,
) -> ReporterState:
    """Build the state from the last value of every key, without deleted keys.

    Raises UnknownStateVersion (a ValueError) with type and version of a record that this version cannot read.
    """
    state = ReporterState(partition, partitions, rules, stores)
    state.restore(entries, {REPORTER: state.reporters.restore, PART: state.parts.restore})
    return state


def state_key(record_key: bytes) -> bytes:
    """Return the state key of a reporter whose records have this key.

    Raises ValueError for a key of another form.
    """
    return REPORTER + unhexlify(record_key)


def key_of_hash(reporter: int) -> bytes:
    """Return the state key of a reporter with this keyed hash."""
    return REPORTER + reporter.to_bytes(HASH_BYTES, "big")


def record_key(key: bytes) -> bytes:
    """Return the key of the records of a reporter with this state key: 16 hexadecimal digits.

    Of a part it is that of the whole.
    """
    return key[1 : 1 + HASH_BYTES].hex().encode()


MOVES: Moves = {**SHARED_MOVES, REPORTER: ByRef(record_key), PART: ByRef(record_key)}
"""How the records of the stage of reporters move when the number of partitions changes."""
