"""The state of a partition that all stages share, and its records in the stage's state topic."""

import struct
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from streams.contract.events.report import Category
from streams.contract.events.transparency import CountedStage
from streams.contract.wire.state_records import (
    STATE_VERSION,
    UnknownCategory,
    UnknownStateVersion,
    require_version,
)
from streams.deciding.clocks.clock import next_step_time
from streams.deciding.clocks.store import CLOCK_RECORD, ClockKey, LegalClock, LegalClockStore
from streams.deciding.partition.admission.breaker import DeadLetterBreaker
from streams.deciding.partition.admission.newcomers import NEWCOMERS, Newcomers, merge_newcomers
from streams.deciding.partition.admission.refusal_budget import REFUSAL_BUDGET, RefusalBudget, begin_anew
from streams.deciding.partition.admission.source_controls import SOURCE_CONTROL, SourceControls
from streams.deciding.partition.daily_counters import (
    DAILY_COUNTERS,
    OWN_DAY_COUNTERS,
    DailyCounters,
    merge_counters,
)
from streams.deciding.partition.due import DueSteps
from streams.deciding.partition.duplicates import SLOT_VERSIONS, RecentIds, merge_slots, read_slots
from streams.deciding.partition.home import HomePartitions
from streams.deciding.partition.moving import (
    ByRef,
    Merged,
    Moves,
    NewPartition,
    NotMovable,
    Shared,
    ref_before_nul,
)
from streams.deciding.partition.partly_read import PARTLY_READ, PartlyRead
from streams.deciding.partition.rules_in_force import (
    AWAITED_SET,
    RULES_IN_FORCE,
    Awaited,
    RulesInForce,
    merge_rules,
)
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.partition.stores import IN_PYTHON, Read, Stores
from streams.deciding.partition.time import PartitionTime

# Types of state keys: the first byte of each key. The runtime uses `P`.
PARTITION_TIME = b"T"
DUPLICATES_SLOT = b"D"
# Written only by a partition whose time was set back.
TIME_CORRECTIONS = b"B"

# applied, now, newest append time, ticks since the last record applied; the dead letter breaker follows.
_TIME = struct.Struct(">QQQI")
_SLOT_NUMBER = struct.Struct(">Q")
_CORRECTIONS = struct.Struct(">I")


class PartitionState:
    """The part of a partition's state that is the same in every stage.

    Clocks are kept by (channel ref or request id, clock id). `daily` are the counters for transparency
    reports, of `stage`; a stage that counts nothing for them has None.
    """

    __slots__ = (
        "_stores",
        "breaker",
        "clocks",
        "daily",
        "due",
        "homes",
        "newcomers",
        "partition",
        "partitions",
        "partly_read",
        "recent",
        "refusals",
        "rules",
        "settings",
        "sources",
        "time",
    )

    def __init__(
        self,
        stage: CountedStage | None,
        time: PartitionTime,
        partition: int,
        partitions: int,
        settings: PartitionSettings,
        stores: Stores = IN_PYTHON,
    ) -> None:
        self.partition = partition
        self.partitions = partitions
        self.time = time
        self.breaker = DeadLetterBreaker()
        self.sources = SourceControls()
        self.rules = RulesInForce()
        self.partly_read = PartlyRead()
        self.settings = settings
        self._stores = stores
        self.recent = RecentIds(settings, stores.ids)
        self.newcomers = Newcomers(settings)
        self.refusals = RefusalBudget()
        self.clocks = LegalClockStore()
        self.due = DueSteps()
        self.homes = HomePartitions(partitions)
        self.daily = DailyCounters(stage, partition)

    def begin_day(self, time: int, at_most: int) -> bool:  # noqa: ARG002
        """Forget what ends with the day (UTC) before `time` (ms), so many keys at most; False if some remain.

        Called, until it returns True, before time moves to another day.
        """
        return True

    def changed_bytes(self) -> int:
        """Return about how many bytes `drain_changes` will yield for what can become large."""
        return self.clocks.changed_bytes

    def turn_back(self, clock: int, appended: int, rules: Any) -> None:  # noqa: ARG002
        """Set the time back to `clock` (ms), the time at which `appended` was the append time.

        Each stage also brings what only it remembers back to that time; `rules` are those of the stage. A
        clock keeps the steps that it took, and its next one is still due when it was.
        """
        self.time.turn_back(clock, appended)
        self.recent.turn_back(clock)
        self.newcomers.turn_back(clock)
        self.refusals.turn_back(clock)
        self.rules.turn_back(clock)
        self.daily.begin_part(self.time.corrections)

    def next_due(self) -> int | None:
        """Return when (ms of the partition's time) the next step is due; None if nothing is scheduled."""
        return self.due.earliest()

    def await_rules(self, awaited: Awaited) -> None:
        """Let a set take effect when time reaches its moment, instead of any that was awaited before."""
        self.rules.wait_for(awaited)
        self.due.set(AWAITED_SET, awaited.since)

    def judged_from(self) -> int:
        """Return from which time (ms) on what is due follows from the rules in force."""
        switched = self.rules.switched
        # The record that moves time on to the moment of a set that was awaited may not be applied yet.
        return self.time.now if switched is None else max(self.time.now, switched.since)

    def put_clock(self, key: ClockKey, kept: LegalClock) -> None:
        """Store a new or changed clock, and schedule its next step."""
        self.clocks.put(key, kept)
        self._schedule_clock(key, kept)

    def remove_clock(self, key: ClockKey) -> None:
        """Remove a clock that has ended."""
        self.clocks.remove(key)
        self.due.remove(key)

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the state records changed since the last call, by key; None for one to delete."""
        time = self.time
        times = _TIME.pack(time.applied, time.now, time.newest_append, time.ticks)
        yield PARTITION_TIME, STATE_VERSION + times + self.breaker.encode()
        if time.corrections:
            yield TIME_CORRECTIONS, STATE_VERSION + _CORRECTIONS.pack(time.corrections)
        for number, slot in self.recent.drain_changes():
            yield DUPLICATES_SLOT + _SLOT_NUMBER.pack(number), slot
        yield from self.clocks.drain_changes()
        yield from self.sources.drain_changes()
        if (partly := self.partly_read.drain_change()) is not None:
            yield partly
        if (rules := self.rules.drain_change()) is not None:
            yield rules
        if (newcomers := self.newcomers.drain_change()) is not None:
            yield newcomers
        if (refusals := self.refusals.drain_change()) is not None:
            yield refusals

    def restore(self, entries: Iterable[tuple[bytes, bytes]], own: Mapping[bytes, Read]) -> None:
        """Restore from the last value of every key, without deleted keys.

        `own` reads the records that only one stage has, by type of key. Raises UnknownStateVersion (a
        ValueError) with type and version of a record that this version cannot read.
        """
        slots: dict[int, bytes] = {}

        def read_slot(key: bytes, value: bytes) -> None:
            require_version(key[:1], value, SLOT_VERSIONS)
            slots[_SLOT_NUMBER.unpack(key[1:])[0]] = value

        readers = {
            PARTITION_TIME: self._read_time,
            TIME_CORRECTIONS: self._read_corrections,
            DUPLICATES_SLOT: read_slot,
            CLOCK_RECORD: self.clocks.restore,
            SOURCE_CONTROL: self.sources.restore,
            RULES_IN_FORCE: self.rules.restore,
            PARTLY_READ: self.partly_read.restore,
            NEWCOMERS: self.newcomers.restore,
            REFUSAL_BUDGET: self.refusals.restore,
            DAILY_COUNTERS: self.daily.restore,
            OWN_DAY_COUNTERS: self.daily.restore,
            **own,
        }

        def refuse(key: bytes, value: bytes) -> None:
            version = value[:1].hex() or "none"
            known = ", ".join(map(repr, sorted(readers)))
            raise UnknownStateVersion(f"state key type {key[:1]!r} has version {version}; known: {known}")

        self._stores.read(entries, readers, refuse)
        self.recent = RecentIds.restore(self.settings, slots, self.time.now, self._stores.ids)
        self.daily.restore_part(self.time.corrections)
        for clock_key, kept in self.clocks:
            self._schedule_clock(clock_key, kept)
        if self.rules.awaited is not None:
            self.due.set(AWAITED_SET, self.rules.awaited.since)

    def require_categories(self, known: Container[Category], others: Iterable[Category] = ()) -> None:
        """Raise UnknownCategory unless all clocks, and `others`, are of `known` categories.

        Desks could not decide about them, and nobody would see them in the console.
        """
        needed = Counter(self.clocks.categories())
        needed.update(others)
        gone = ", ".join(
            f"{category} ({number})" for category, number in sorted(needed.items()) if category not in known
        )
        if gone:
            raise UnknownCategory(
                f"open escalations and clocks need categories that are gone: {gone}. Put their entries back "
                "into the file of categories (TOCSIN_CATEGORIES_FILE), with the codes that they had, until "
                "all of these have ended: see docs/policies.md, 'Categories'"
            )

    def _read_time(self, key: bytes, value: bytes) -> None:
        require_version(key[:1], value)
        self.time.restore(*_TIME.unpack_from(value, 1))
        self.breaker = DeadLetterBreaker.decode(value[1 + _TIME.size :])

    def _read_corrections(self, key: bytes, value: bytes) -> None:
        require_version(key[:1], value)
        (self.time.corrections,) = _CORRECTIONS.unpack(value[1:])

    def _schedule_clock(self, key: ClockKey, kept: LegalClock) -> None:
        time = next_step_time(kept.clock)
        if time is None:
            self.due.remove(key)
        else:
            self.due.set(key, time)


def time_of(shared: Shared) -> int:
    """Return the time (ms) of an old partition; 0 if nothing was applied in it."""
    value = shared.entries.get(PARTITION_TIME)
    return 0 if value is None else _read_time(value)[1]


def _read_time(value: bytes) -> tuple[int, ...]:
    require_version(PARTITION_TIME, value)
    return _TIME.unpack_from(value, 1)


def _merge_times(_new: NewPartition, shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return the time of a new partition: the latest of the old ones.

    It is later than every event applied, and steps of clocks that are due in between are taken at their own
    times. `applied` is the largest one: together with the partition's number it says before which record
    something happened (see replay.py), so it must not fall. The breaker starts empty, because records
    that are not in one log any more have no order.
    """
    times = [_read_time(value) for one in shared for value in one.of_type(PARTITION_TIME).values()]
    if not times:
        return {}
    _, now, newest_append, ticks = max(times, key=lambda row: (row[1], row[2], row[0]))
    packed = _TIME.pack(max(row[0] for row in times), now, newest_append, ticks)
    return {PARTITION_TIME: STATE_VERSION + packed + DeadLetterBreaker().encode()}


def _merge_recent(new: NewPartition, shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    found = []
    for one in shared:
        slots = one.of_type(DUPLICATES_SLOT)
        for key, value in slots.items():
            require_version(key[:1], value, SLOT_VERSIONS)
        numbered = {_SLOT_NUMBER.unpack(key[1:])[0]: value for key, value in slots.items()}
        found.append(read_slots(numbered, time_of(one)))
    return {
        DUPLICATES_SLOT + _SLOT_NUMBER.pack(number): slot
        for number, slot in merge_slots(new.most_ids, found).items()
    }


def _merge_corrections(new: NewPartition, shared: Sequence[Shared]) -> Mapping[bytes, bytes]:
    """Return the number of corrections of a new partition: its own, or the largest if its number is new.

    Daily totals are published under keys with this number, so a partition must go on with its own.
    """
    numbers = {one.partition: value for one in shared for value in one.of_type(TIME_CORRECTIONS).values()}
    for value in numbers.values():
        require_version(TIME_CORRECTIONS, value)
    is_old = any(one.partition == new.partition for one in shared)
    own = numbers.get(new.partition) if is_old else max(numbers.values(), default=None)
    return {} if own is None else {TIME_CORRECTIONS: own}


MOVES: Moves = {
    PARTITION_TIME: Merged(_merge_times),
    TIME_CORRECTIONS: Merged(_merge_corrections),
    SOURCE_CONTROL: NotMovable(
        "a source is paused, or its records are being skipped: offsets mean nothing in other partitions. "
        "Resume it, or let the skip end (`tocsin source show`), and save again"
    ),
    PARTLY_READ: NotMovable(
        "a bundle of reports is applied in part: let a worker apply the rest, and save again"
    ),
    RULES_IN_FORCE: Merged(merge_rules),
    DUPLICATES_SLOT: Merged(_merge_recent),
    NEWCOMERS: Merged(merge_newcomers),
    REFUSAL_BUDGET: Merged(begin_anew),
    CLOCK_RECORD: ByRef(ref_before_nul),
    # Each of the two merges the records of both types, because all that remains must be of one day.
    DAILY_COUNTERS: Merged(merge_counters),
    OWN_DAY_COUNTERS: Merged(merge_counters),
}
"""How the records of every stage move when the number of partitions changes."""
