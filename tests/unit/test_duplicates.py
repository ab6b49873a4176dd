from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.partition.duplicates import SLOT_SIZE, RecentIds, event_hash


def test_the_hash_of_a_report_never_changes() -> None:
    assert event_hash("/app", "r1") == 0xFE7C1F2CD4DF276C


def test_the_hash_separates_source_and_id() -> None:
    assert event_hash("/a", "b1") != event_hash("/ab", "1")


def test_only_touched_slots_are_rewritten() -> None:
    recent = RecentIds(10 * SLOT_SIZE)
    for number in range(SLOT_SIZE + 1):
        recent.add(number)
    assert [number for number, _ in recent.drain_changes()] == [0, 1]
    recent.add(5_000_000)
    [(number, slot)] = recent.drain_changes()
    assert number == 1
    assert slot is not None
    assert len(slot) == 2 * 8
    assert list(recent.drain_changes()) == []


def test_a_slot_that_is_no_longer_needed_is_deleted() -> None:
    recent = RecentIds(SLOT_SIZE)
    slots: dict[int, bytes] = {}
    for number in range(5 * SLOT_SIZE):
        recent.add(number)
        _fold(recent, slots)
        assert len(slots) <= 2
    assert list(slots) == [4]


def test_a_change_of_capacity_keeps_the_remembered_reports() -> None:
    recent = RecentIds(3 * SLOT_SIZE)
    slots: dict[int, bytes] = {}
    for number in range(3 * SLOT_SIZE):
        recent.add(number)
    _fold(recent, slots)

    fewer = RecentIds.restore(SLOT_SIZE, slots)
    assert [number in fewer for number in (1999, 2000, 2999)] == [False, True, True]
    _fold(fewer, slots)
    assert list(slots) == [2]

    more = RecentIds.restore(100 * SLOT_SIZE, slots)
    for number in range(10_000, 10_000 + 99 * SLOT_SIZE):
        more.add(number)
    assert 2000 in more
    more.add(-1 & 0xFFFFFFFFFFFFFFFF)
    assert 2000 not in more


@settings(deadline=None, max_examples=30)
@given(
    remembered=st.sampled_from([1, 999, 1000, 1001, 2500]),
    steps=st.lists(st.tuples(st.integers(1, 1500), st.booleans()), min_size=1, max_size=6),
)
def test_exactly_the_last_reports_are_remembered(remembered: int, steps: list[tuple[int, bool]]) -> None:
    recent = RecentIds(remembered)
    model: deque[int] = deque(maxlen=remembered)
    slots: dict[int, bytes] = {}
    number = 0
    for count, restore in steps:
        for _ in range(count):
            recent.add(number * 7)
            model.append(number * 7)
            number += 1
        _fold(recent, slots)
        if restore:
            recent = RecentIds.restore(remembered, dict(reversed(slots.items())))
        assert {hashed for hashed in range(0, number * 7, 7) if hashed in recent} == set(model)


def _fold(recent: RecentIds, slots: dict[int, bytes]) -> None:
    for number, slot in recent.drain_changes():
        if slot is None:
            slots.pop(number, None)
        else:
            slots[number] = slot
