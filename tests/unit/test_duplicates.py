from array import array
from collections.abc import Sequence
from itertools import count
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.times import DAY, HOUR
from streams.deciding.partition import duplicates
from streams.deciding.partition.duplicates import (
    LEAST_REMEMBERED,
    SLOT_SIZE,
    RecentIds,
    Slot,
    event_hash,
    event_hash_without_key,
    outcome_hash,
    outcome_hash_without_key,
    merge_slots,
    read_slots,
)
from streams.deciding.partition.settings import PartitionSettings

START = 1_800_000_000_000


def remembering(most: int = 5_000_000, hours: int = 24) -> PartitionSettings:
    return PartitionSettings(duplicates_hours=hours, duplicates_most=most)


def test_the_hash_of_a_report_never_changes() -> None:
    assert event_hash("/app", "r1", "c1") == 0xA3B682DCFBD461C4
    assert event_hash_without_key("/app", "r1") == 0xFE7C1F2CD4DF276C
    assert outcome_hash("/desk", "o1", "c1") == 0x969F27A8C87CAB88
    assert outcome_hash_without_key("/desk", "o1") == 0x4FA52B29D8BB889A


def test_the_hash_separates_source_id_and_key() -> None:
    assert event_hash("/a", "b1", "c") != event_hash("/ab", "1", "c")
    assert event_hash("/a", "b", "1c") != event_hash("/a", "b1", "c")


# A publisher chooses its ce_source freely, also with NUL in it; ids and refs cannot have one.
_SOURCES = st.text("ab\0", max_size=5)
_REFS = st.text("ab", min_size=1, max_size=3)


@given(st.tuples(_SOURCES, _REFS, _REFS), st.tuples(_SOURCES, _REFS, _REFS))
def test_no_two_events_have_the_same_hash(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (event_hash(*one) == event_hash(*other)) == (one == other)
    assert (outcome_hash(*one) == outcome_hash(*other)) == (one == other)
    assert event_hash(*one) != outcome_hash(*other)


def old_slots(*slots: Sequence[int], version: bytes = b"\x01") -> dict[int, bytes]:
    """The slots of a state of the first version, or of the second."""
    return {number: version + array("Q", hashes).tobytes() for number, hashes in enumerate(slots)}


def fold(recent: RecentIds, slots: dict[int, bytes]) -> None:
    for number, slot in recent.drain_changes():
        if slot is None:
            # One that was begun and forgotten since was never written.
            slots.pop(number, None)
        else:
            slots[number] = slot


def fill(recent: RecentIds, begin: int, number: int, now: int) -> None:
    for hashed in range(begin, begin + number):
        recent.add(spread(hashed), now)


def spread(number: int) -> int:
    """A hash for a number: any two differ."""
    return number * 0x9E3779B97F4A7C15 % 2**64


def test_a_repeat_within_a_day_is_recognised_whatever_lies_between() -> None:
    recent = RecentIds(remembering())
    recent.add(spread(0), START)
    # The old limit was 200,000 records.
    fill(recent, 1, 300_000, START + 23 * HOUR)
    assert spread(0) in recent
    assert recent.forgotten_until == 0


def test_what_is_forgotten_is_said() -> None:
    recent = RecentIds(remembering())
    for hour in range(30):
        fill(recent, hour * 20 * SLOT_SIZE, 20 * SLOT_SIZE, START + hour * HOUR)
    # Hours 0 to 4 are older than a day when hour 29 begins, but the newest 200,000 stay in any case.
    assert LEAST_REMEMBERED == 400 * SLOT_SIZE
    assert [spread(hour * 20 * SLOT_SIZE) in recent for hour in range(11)] == [False] * 5 + [True] * 6
    assert recent.forgotten_until == START + 4 * HOUR


def test_a_quiet_partition_remembers_for_longer() -> None:
    recent = RecentIds(remembering())
    fill(recent, 0, 1_000, START)
    fill(recent, 1_000, 150_000, START + 300 * DAY)
    assert spread(0) in recent
    assert recent.forgotten_until == 0


def test_a_busy_partition_remembers_no_more_than_it_may_and_says_how_far_back_it_reaches() -> None:
    recent = RecentIds(remembering(most=10_000))
    for minute in range(100):
        fill(recent, minute * 1_000, 1_000, START + minute * 60_000)
        assert len(recent) <= 10_000
    assert spread(90_000) in recent
    assert spread(89_999) not in recent
    assert recent.forgotten_until == START + 89 * 60_000


def test_what_the_first_version_applied_is_recognised_until_it_is_forgotten() -> None:
    applied = [event_hash_without_key("/app", f"r{number}") for number in range(1500)]
    applied[3] = outcome_hash_without_key("/desk", "o1")
    slots = old_slots(applied[:1000], applied[1000:])
    recent = RecentIds.restore(remembering(most=3_000), slots, START)
    assert recent.new_event("/app", "r0", "c") is None
    assert recent.new_event("/app", "r1499", "c") is None
    assert recent.new_outcome("/desk", "o1", "c") is None
    assert recent.new_event("/app", "o1", "c") is not None

    for number in range(2000, 5001):
        hashed = recent.new_event("/app", f"r{number}", "c")
        assert hashed is not None
        recent.add(hashed, START)
        if number % 700 == 0:
            fold(recent, slots)
            recent = RecentIds.restore(remembering(most=3_000), dict(slots), START)
        # A slot is forgotten as a whole: the first one when 2,000 are in the others, with the new slot.
        assert (recent.new_event("/app", "r0", "c") is None) == (number < 3500)
        assert (recent.new_event("/app", "r1499", "c") is None) == (number < 4500)
        assert recent.has_hashes_without_key == (number < 4500)
    fold(recent, slots)
    # Once the old slots are gone, nothing is looked up twice.
    assert {slot[:1] for slot in slots.values()} == {b"\x03"}
    assert recent.new_event("/app", "r4100", "c") is None
    assert recent.new_event("/app", "r4100", "another channel") is not None


def test_without_old_slots_a_guessed_id_suppresses_nothing_of_another_channel() -> None:
    recent = RecentIds(remembering())
    # The text that the first version hashed for source and id, as a report of any source can have it.
    recent.add(event_hash_without_key("/app", "r1"), START)
    assert recent.new_event("/app", "r1", "c") is not None
    # Nor with old slots, in a slot that is none.
    recent = RecentIds.restore(remembering(), old_slots([event_hash_without_key("/app", "r1")]), START)
    recent.add(event_hash_without_key("/app", "r2"), START)
    assert recent.new_event("/app", "r1", "c") is None
    assert recent.new_event("/app", "r2", "c") is not None


def test_slots_without_times_get_the_time_of_the_partition_once() -> None:
    slots = old_slots(range(1000), range(1000, 1800), version=b"\x02")
    recent = RecentIds.restore(remembering(), slots, START)
    assert all(number in recent for number in range(1800))
    # What was forgotten before the upgrade is not known, so nothing is said of it.
    assert recent.forgotten_until == 0
    recent.add(spread(9_000), START + HOUR)
    fold(recent, slots)
    # They keep it: restored a day later, they are as old as they were.
    again = RecentIds.restore(remembering(), dict(slots), START + DAY)
    fill(again, 10_000, LEAST_REMEMBERED + SLOT_SIZE, START + DAY + 1)
    assert 0 not in again
    assert again.forgotten_until == START


def test_only_touched_slots_are_written() -> None:
    recent = RecentIds(remembering())
    fill(recent, 0, SLOT_SIZE + 1, START)
    assert [number for number, _ in recent.drain_changes()] == [0, 1]
    recent.add(5_000_000, START)
    [(number, slot)] = recent.drain_changes()
    assert number == 1
    assert slot is not None
    assert len(slot) == 1 + 17 + 2 * 8
    assert list(recent.drain_changes()) == []


def test_a_slot_that_is_no_longer_needed_is_deleted() -> None:
    recent = RecentIds(remembering(most=2 * SLOT_SIZE))
    slots: dict[int, bytes] = {}
    for number in range(5 * SLOT_SIZE):
        recent.add(spread(number), START)
        fold(recent, slots)
        assert len(slots) <= 2
        assert recent.slots == len(slots)
        assert recent.size == sum(len(slot) for slot in slots.values())
    assert list(slots) == [3, 4]


def test_a_change_of_settings_keeps_what_fits() -> None:
    recent = RecentIds(remembering())
    slots: dict[int, bytes] = {}
    fill(recent, 0, 6 * SLOT_SIZE, START)
    fold(recent, slots)

    fewer = RecentIds.restore(remembering(most=2 * SLOT_SIZE), slots, START)
    assert spread(0) in fewer
    fewer.add(spread(9_000), START)
    assert [spread(number) in fewer for number in (2499, 2500, 2999)] == [False, True, True]
    fold(fewer, slots)
    assert list(slots) == [5, 6]

    more = RecentIds.restore(remembering(), slots, START)
    fill(more, 10_000, 99 * SLOT_SIZE, START)
    assert spread(2500) in more
    # What had been forgotten under the smaller number stays so.
    assert more.forgotten_until == START


def test_a_correction_of_the_time_forgets_nothing_and_holds_nothing_for_ever() -> None:
    recent = RecentIds(remembering(most=100 * SLOT_SIZE))
    slots: dict[int, bytes] = {}
    fill(recent, 0, 2 * SLOT_SIZE, START + 300 * DAY)
    fill(recent, 2 * SLOT_SIZE, 10, START + 400 * DAY)
    recent.turn_back(START)
    fold(recent, slots)
    for restored in (recent, RecentIds.restore(remembering(most=100 * SLOT_SIZE), slots, START + HOUR)):
        assert spread(0) in restored
        assert restored.forgotten_until == 0
        fill(restored, 20_000, 99 * SLOT_SIZE, START + HOUR)
        assert spread(0) not in restored
        assert restored.forgotten_until == START


# The properties are tested with slots of so many hashes.
SMALL = 5


class Model:
    """Remembers as the documents say: a list of all ids, with their times, in slots."""

    def __init__(self, hours: int, most: int, least: int) -> None:
        self.hours, self.most, self.least = hours, most, least
        self.slots: list[list[tuple[int, int]]] = [[]]
        self.forgotten: list[int] = [0]

    def add(self, hashed: int, now: int) -> None:
        if len(self.slots[-1]) == SMALL:
            self.slots.append([])
            while len(self.slots) > 1:
                others = sum(map(len, self.slots[1:-1]))
                full = others + len(self.slots[0]) + SMALL > self.most
                newest = max(then for _, then in self.slots[0])
                if not full and not (newest < now - self.hours * HOUR and others >= self.least):
                    break
                self.forgotten += [then for _, then in self.slots.pop(0)]
        self.slots[-1].append((hashed, now))

    def turn_back(self, clock: int) -> None:
        self.slots = [[(hashed, min(then, clock)) for hashed, then in slot] for slot in self.slots]
        self.forgotten = [min(then, clock) for then in self.forgotten]

    def hashes(self) -> set[int]:
        return {hashed for slot in self.slots for hashed, _ in slot}


@settings(max_examples=200, deadline=None)
@given(
    hours=st.integers(1, 48),
    most=st.sampled_from([SMALL, 3 * SMALL - 1, 7 * SMALL]),
    steps=st.lists(
        st.tuples(
            st.integers(1, 12),
            st.integers(0, 30 * HOUR),
            st.sampled_from(["", "", "write", "restore", "turn back"]),
        ),
        min_size=1,
        max_size=12,
    ),
    least=st.sampled_from([0, 2 * SMALL, LEAST_REMEMBERED]),
)
def test_remembered_is_what_the_model_remembers(
    hours: int, most: int, steps: list[tuple[int, int, str]], least: int
) -> None:
    kept = remembering(most, hours)
    with patch.multiple(duplicates, SLOT_SIZE=SMALL, LEAST_REMEMBERED=least):
        recent, model = RecentIds(kept), Model(hours, most, min(least, most))
        slots: dict[int, bytes] = {}
        numbers = count()
        added, now, was_ahead = [], START, False
        for number, passed, then in steps:
            for _ in range(number):
                now += passed // number
                added.append(spread(next(numbers)))
                recent.add(added[-1], now)
                model.add(added[-1], now)
            if then == "turn back":
                was_ahead = True
                now -= 10 * HOUR
                recent.turn_back(now)
                model.turn_back(now)
            if then:
                fold(recent, slots)
            if then == "restore":
                recent = RecentIds.restore(kept, dict(reversed(slots.items())), now)
            assert {hashed for hashed in added if hashed in recent} == model.hashes()
            assert recent.forgotten_until == max(model.forgotten)
            assert len(recent) == len(model.hashes())
            # What the documents promise, without slots: what was applied within the hours is forgotten only
            # if there is too much of it.
            if not was_ahead and len(recent) + 2 * SMALL <= most:
                assert recent.forgotten_until < max(1, now - hours * HOUR)


ROWS = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 30 * HOUR)), max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from([10, 30, 1_000]), st.booleans())
def test_merged_partitions_remember_their_newest(
    partitions: list[list[tuple[int, int]]], most: int, copied: bool
) -> None:
    with patch.multiple(duplicates, SLOT_SIZE=SMALL, LEAST_REMEMBERED=0):
        check_merged(remembering(most=most), partitions, copies=1 + copied)


def check_merged(kept: PartitionSettings, partitions: list[list[tuple[int, int]]], copies: int) -> None:
    numbers = count()
    read: list[Sequence[Slot]] = []
    times: dict[int, int] = {}
    forgotten = 0
    newest = START
    for rows in partitions:
        recent, now, slots = RecentIds(kept), START, dict[int, bytes]()
        for number, passed in rows:
            now += passed
            for _ in range(number):
                hashed = spread(next(numbers))
                recent.add(hashed, now)
                times[hashed] = now
        forgotten = max(forgotten, recent.forgotten_until)
        newest = max(newest, now)
        fold(recent, slots)
        read += [read_slots(slots, now)] * copies
    merged = RecentIds.restore(kept, merge_slots(kept.duplicates_most, read), newest)
    remembered = {hashed for hashed in times if hashed in merged}
    assert len(merged) == len(remembered) <= kept.duplicates_most
    # Whatever is forgotten, here or before, was applied by the time that is said.
    gone = [then for hashed, then in times.items() if hashed not in remembered]
    assert merged.forgotten_until == max([forgotten, *gone])
    # It goes on as any other partition, and again says what it forgets.
    fill(merged, 10**6, kept.duplicates_most + SMALL, newest + 1)
    assert merged.forgotten_until >= max([0, *times.values()])
