"""All that a partition of the stage of requests remembers, and its records in the state topic."""

import struct
from collections.abc import Iterable

from streams.assessment.counts import UnknownStateVersion
from streams.assessment.due import ClockKey, DueTransitions
from streams.assessment.duplicates import RecentReports
from streams.assessment.flood import FloodWindow
from streams.assessment.home_partition import HomePartitions
from streams.assessment.law.clock_state import CHANNEL_CLOCK, ClockStore, ReportClock
from streams.assessment.law.clocks import next_step_time
from streams.assessment.requests.request_rules import RequestRules
from streams.assessment.transparency import DAILY_COUNTERS, DailyCounters

# Types of state keys: the first byte. `P` is the runtime's.
REQUEST_TIME = b"T"
DUPLICATES_SLOT = b"D"

_VERSION = b"\x01"
# applied, now, newest append time; the flood window follows.
_TIME = struct.Struct(">QQQ")
_SLOT_NUMBER = struct.Struct(">Q")

# An intake enters what came by night in the morning. Within a day, a request counts as written to the log when it was
# received, so that the next tick brings time up to the present and no clock lapses late. What is older is a recording:
# it is told again at its own pace.
ENTERED_WITHIN_MS = 24 * 60 * 60 * 1000


class RequestState:
    """The state of one partition. Times are in ms since the epoch.

    `now` is the newest received_at applied, or later by ticks and outcomes; `newest_append` the append time that it
    stands for; `applied` the number of requests applied. Clocks are kept by (request id, clock id).
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
        "transparency",
    )

    def __init__(self, partition: int, partitions: int, rules: RequestRules) -> None:
        self.partition = partition
        self.partitions = partitions
        self.now = 0
        self.newest_append = 0
        self.applied = 0
        self.flood = FloodWindow()
        self.recent = RecentReports(rules.duplicates_remembered)
        self.clocks = ClockStore()
        self.due = DueTransitions()
        self.homes = HomePartitions(partitions)
        self.transparency = DailyCounters("requests", partition)

    def note_time(self, moment: int, appended: int) -> int:
        """The time that the partition comes to by what happened at `moment` and was written at `appended`."""
        if moment > self.now:
            entered_late = moment <= appended <= moment + ENTERED_WITHIN_MS
            self.newest_append = max(self.newest_append, moment if entered_late else appended)
        return max(self.now, moment)

    def put_clock(self, key: ClockKey, kept: ReportClock) -> None:
        """Keep a new or changed clock and when its next step is due."""
        self.clocks.put(key, kept)
        self._schedule(key, kept)

    def remove_clock(self, key: ClockKey) -> None:
        """Let go of a clock that has ended."""
        self.clocks.remove(key)
        self.due.remove(key)

    def drain_changes(self) -> dict[bytes, bytes | None]:
        """State records changed since the last call, by key; None deletes."""
        times = _TIME.pack(self.applied, self.now, self.newest_append)
        changes: dict[bytes, bytes | None] = {REQUEST_TIME: _VERSION + times + self.flood.encode()}
        for number, slot in self.recent.drain_changes():
            changes[DUPLICATES_SLOT + _SLOT_NUMBER.pack(number)] = None if slot is None else _VERSION + slot
        changes.update(self.clocks.drain_changes())
        return changes

    def schedule_clocks(self) -> None:
        """Set when each clock is due, after they were restored."""
        for key, kept in self.clocks:
            self._schedule(key, kept)

    def _schedule(self, key: ClockKey, kept: ReportClock) -> None:
        time = next_step_time(kept.clock)
        if time is None:
            self.due.remove(key)
        else:
            self.due.set(key, time)


def restore_requests(
    partition: int, partitions: int, rules: RequestRules, entries: Iterable[tuple[bytes, bytes]]
) -> RequestState:
    """Build the state from the last value of every key, deleted ones left out.

    Raises UnknownStateVersion (a ValueError) naming type and version of a record that this version cannot read.
    """
    state = RequestState(partition, partitions, rules)
    slots: dict[int, bytes] = {}
    for key, value in entries:
        kind = key[:1]
        if kind == CHANNEL_CLOCK:
            state.clocks.restore(key, value)
        elif kind == DAILY_COUNTERS:
            state.transparency.restore(key, value)
        elif value[:1] != _VERSION or kind not in (REQUEST_TIME, DUPLICATES_SLOT):
            known = (CHANNEL_CLOCK, DUPLICATES_SLOT, DAILY_COUNTERS, REQUEST_TIME)
            raise UnknownStateVersion(
                f"state key type {kind!r} has version {value[:1].hex() or 'none'}; "
                f"known are {', '.join(map(repr, known))} in version {_VERSION.hex()}"
            )
        elif kind == REQUEST_TIME:
            state.applied, state.now, state.newest_append = _TIME.unpack_from(value, 1)
            state.flood = FloodWindow.decode(value[1 + _TIME.size :])
        else:
            slots[_SLOT_NUMBER.unpack(key[1:])[0]] = value[1:]
    state.recent = RecentReports.restore(rules.duplicates_remembered, slots)
    state.schedule_clocks()
    return state
