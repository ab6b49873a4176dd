"""What a partition of any stage remembers, and the records of it in the stage's state topic."""

import struct
from collections.abc import Callable, Iterable, Mapping

from streams.clocks.clock import next_step_time
from streams.clocks.store import CHANNEL_CLOCK, LegalClock, LegalClockStore
from streams.counting.counts import UnknownStateVersion
from streams.events.transparency import CountedStage
from streams.partition.daily_counters import DAILY_COUNTERS, DailyCounters
from streams.partition.due import ClockKey, DueTransitions
from streams.partition.duplicates import RecentReports
from streams.partition.flood import FloodWindow
from streams.partition.home import HomePartitions

# Types of state keys: the first byte. `P` is the runtime's.
PARTITION_TIME = b"T"
DUPLICATES_SLOT = b"D"

STATE_VERSION = b"\x01"
# applied, now, newest append time, ticks since the last record applied; the flood window follows.
_TIME = struct.Struct(">QQQI")
_SLOT_NUMBER = struct.Struct(">Q")

Reader = Callable[[bytes, bytes], None]


class PartitionMemory:
    """The state of one partition, as far as it is the same in every stage. Times are in ms since the epoch.

    `now` is the newest time of a record applied, or later by ticks and outcomes; `newest_append` is the append time
    that it stands for; `applied` the number of reports or requests applied; `ticks` how many ticks were honoured since
    the last of them. Clocks are kept by (channel ref or request id, clock id).
    """

    __slots__ = (
        "applied",
        "clocks",
        "due",
        "flood",
        "homes",
        "newest_append",
        "now",
        "partition",
        "partitions",
        "recent",
        "ticks",
        "transparency",
    )

    def __init__(self, stage: CountedStage, partition: int, partitions: int, remembered: int) -> None:
        self.partition = partition
        self.partitions = partitions
        self.now = 0
        self.newest_append = 0
        self.applied = 0
        self.ticks = 0
        self.flood = FloodWindow()
        self.recent = RecentReports(remembered)
        self.clocks = LegalClockStore()
        self.due = DueTransitions()
        self.homes = HomePartitions(partitions)
        self.transparency = DailyCounters(stage, partition)

    def put_clock(self, key: ClockKey, kept: LegalClock) -> None:
        """Keep a new or changed clock and when its next step is due."""
        self.clocks.put(key, kept)
        self._schedule_clock(key, kept)

    def remove_clock(self, key: ClockKey) -> None:
        """Let go of a clock that has ended."""
        self.clocks.remove(key)
        self.due.remove(key)

    def drain_changes(self) -> dict[bytes, bytes | None]:
        """State records changed since the last call, by key; None deletes."""
        times = _TIME.pack(self.applied, self.now, self.newest_append, self.ticks)
        changes: dict[bytes, bytes | None] = {PARTITION_TIME: STATE_VERSION + times + self.flood.encode()}
        for number, slot in self.recent.drain_changes():
            key = DUPLICATES_SLOT + _SLOT_NUMBER.pack(number)
            changes[key] = None if slot is None else STATE_VERSION + slot
        changes.update(self.clocks.drain_changes())
        return changes

    def take_back(
        self, entries: Iterable[tuple[bytes, bytes]], remembered: int, own: Mapping[bytes, Reader]
    ) -> None:
        """Take back the last value of every key, deleted ones left out.

        `own` reads the records of a stage's own kinds, by type of key. Raises UnknownStateVersion (a ValueError) naming
        type and version of a record that this version cannot read.
        """
        slots: dict[int, bytes] = {}

        def read_slot(key: bytes, value: bytes) -> None:
            require_version(key, value)
            slots[_SLOT_NUMBER.unpack(key[1:])[0]] = value[1:]

        readers = {
            PARTITION_TIME: self._read_time,
            DUPLICATES_SLOT: read_slot,
            CHANNEL_CLOCK: self.clocks.restore,
            DAILY_COUNTERS: self.transparency.restore,
            **own,
        }
        for key, value in entries:
            reader = readers.get(key[:1])
            if reader is None:
                raise _unknown(key, value, ", ".join(map(repr, sorted(readers))))
            reader(key, value)
        self.recent = RecentReports.restore(remembered, slots)
        for clock_key, kept in self.clocks:
            self._schedule_clock(clock_key, kept)

    def _read_time(self, key: bytes, value: bytes) -> None:
        require_version(key, value)
        self.applied, self.now, self.newest_append, self.ticks = _TIME.unpack_from(value, 1)
        self.flood = FloodWindow.decode(value[1 + _TIME.size :])

    def _schedule_clock(self, key: ClockKey, kept: LegalClock) -> None:
        time = next_step_time(kept.clock)
        if time is None:
            self.due.remove(key)
        else:
            self.due.set(key, time)


def require_version(key: bytes, value: bytes) -> None:
    """Raise UnknownStateVersion for a value that this version did not write."""
    if value[:1] != STATE_VERSION:
        raise _unknown(key, value, f"version {STATE_VERSION.hex()}")


def _unknown(key: bytes, value: bytes, known: str) -> UnknownStateVersion:
    version = value[:1].hex() or "none"
    return UnknownStateVersion(f"state key type {key[:1]!r} has version {version}; known: {known}")
