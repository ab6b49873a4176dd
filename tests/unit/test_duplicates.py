from array import array
from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deciding.partition.duplicates import (
    SLOT_SIZE,
    RecentIds,
    event_hash,
    event_hash_without_key,
    outcome_hash,
    outcome_hash_without_key,
)


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


def old_slots(*slots: list[int]) -> dict[int, bytes]:
    """The slots of a state of the first version."""
    return {number: b"\x01" + array("Q", hashes).tobytes() for number, hashes in enumerate(slots)}


def test_what_the_previous_version_applied_is_recognised_until_it_is_forgotten() -> None:
    applied = [event_hash_without_key("/app", f"r{number}") for number in range(1500)]
    applied[3] = outcome_hash_without_key("/desk", "o1")
    recent = RecentIds.restore(2 * SLOT_SIZE, old_slots(applied[:SLOT_SIZE], applied[SLOT_SIZE:]))
    assert recent.new_event("/app", "r0", "c") is None
    assert recent.new_event("/app", "r1499", "c") is None
    assert recent.new_outcome("/desk", "o1", "c") is None
    assert recent.new_event("/app", "o1", "c") is not None

    slots: dict[int, bytes] = {}
    for number in range(2000, 4500):
        hashed = recent.new_event("/app", f"r{number}", "c")
        assert hashed is not None
        recent.add(hashed)
        # Reports that the previous version applied are forgotten one by one, as ever.
        assert (recent.new_event("/app", "r1499", "c") is None) == (number < 3999)
        if number % 700 == 0:
            _fold(recent, slots)
            recent = RecentIds.restore(2 * SLOT_SIZE, dict(slots))
    _fold(recent, slots)
    # The last old slot was filled up with new hashes; once it is gone, nothing is looked up twice.
    assert {slot[:1] for slot in slots.values()} == {b"\x02"}
    assert recent.new_event("/app", "r4100", "c") is None
    assert recent.new_event("/app", "r4100", "another channel") is not None


def test_an_old_slot_that_is_filled_up_stays_an_old_one() -> None:
    recent = RecentIds.restore(5 * SLOT_SIZE, old_slots([event_hash_without_key("/app", "r1")]))
    hashed = recent.new_event("/app", "r2", "c")
    assert hashed is not None
    recent.add(hashed)
    slots: dict[int, bytes] = {}
    _fold(recent, slots)
    assert slots[0][:1] == b"\x01"
    again = RecentIds.restore(5 * SLOT_SIZE, slots)
    assert [again.new_event("/app", name, "c") for name in ("r1", "r2")] == [None, None]


def test_without_old_slots_a_guessed_id_suppresses_nothing_of_another_channel() -> None:
    recent = RecentIds(SLOT_SIZE)
    # The text that the previous version hashed for source and id, as a report of any source can have it.
    recent.add(event_hash_without_key("/app", "r1"))
    assert recent.new_event("/app", "r1", "c") is not None


def test_only_touched_slots_are_rewritten() -> None:
    recent = RecentIds(10 * SLOT_SIZE)
    for number in range(SLOT_SIZE + 1):
        recent.add(number)
    assert [number for number, _ in recent.drain_changes()] == [0, 1]
    recent.add(5_000_000)
    [(number, slot)] = recent.drain_changes()
    assert number == 1
    assert slot is not None
    assert len(slot) == 1 + 2 * 8
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


@settings(max_examples=30)
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
