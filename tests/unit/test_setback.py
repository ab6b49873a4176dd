from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.failing import Place
from streams.running.log.position import SourcePosition
from streams.running.partitions.setback import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PARTS,
    Attempt,
    NotApplied,
    Setback,
    describe,
    setback_after,
)

IN, INTERNAL = "t.in", "t.in-internal"


def records(begin, end, topic=IN):
    return [SimpleNamespace(topic=topic, offset=offset) for offset in range(begin, end)]


def at(**offsets):
    return {name: SourcePosition(offset, 1, None) for name, offset in offsets.items()}


def test_the_first_attempt_is_repeated_at_once_and_the_pauses_grow_from_then_on():
    pauses, setback = [], None
    for _ in range(6):
        setback = setback_after(NotApplied(records(7, 8)), setback)
        pauses.append(setback.pause)
    assert pauses == [0, FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_there_is_no_pause_while_the_record_is_being_looked_for():
    setback = setback_after(NotApplied(records(0, 300)), None)
    assert (setback.most, setback.pause) == (300 // PARTS, 0)
    again = setback_after(NotApplied(setback.next_attempt(records(0, 300)).records), setback)
    assert (again.until, again.most, again.pause) == ({IN: 18}, 1, 0)


def test_what_comes_before_the_suspects_is_applied_without_them():
    """An operator's decision to skip the record, for example."""
    setback = Setback({IN: 8}, 1, 60.0)
    before = records(0, 5, INTERNAL)
    assert setback.next_attempt([*before, *records(7, 99)]) == Attempt(before)


def test_the_record_that_fails_is_tried_alone():
    found = Setback({IN: 8}, 1, 60.0).next_attempt([*records(7, 99), *records(0, 5, INTERNAL)])
    assert found == Attempt(records(7, 8))
    # One that was skipped over a gap of the log counts as well.
    assert Setback({IN: 8}, 5, 60.0).next_attempt(records(6, 99)) == Attempt(records(6, 8))


def test_an_entry_that_fails_is_tried_alone_after_what_comes_before_it():
    place = Place(INTERNAL, 0, 7, 5, "t.in partition 1 offset 3")
    bundle = records(7, 8, INTERNAL)
    failed = NotApplied([*records(0, 9), *records(4, 9, INTERNAL)], place)
    setback = setback_after(failed, None)
    assert setback.pause == 0
    # Others first, then the entries before it, and once these are applied, the stage takes it alone.
    assert setback.next_attempt(failed.records) == Attempt([*records(0, 9), *records(4, 7, INTERNAL)])
    assert setback.next_attempt(records(7, 9, INTERNAL)) == Attempt(bundle, 5)
    again = setback_after(NotApplied(bundle, place), setback)
    assert (again.pause, setback_after(NotApplied(bundle, place), again).pause) == (
        FIRST_PAUSE,
        2 * FIRST_PAUSE,
    )
    assert describe(NotApplied(bundle, place), "t.") == (
        "in-internal offset 7 entry 5, published as in partition 1 offset 3"
    )


def test_an_entry_is_over_when_it_is_passed_inside_of_its_bundle():
    place = Place(INTERNAL, 0, 7, 5)
    setback = setback_after(NotApplied(records(7, 8, INTERNAL), place), None)
    position = {INTERNAL: SourcePosition(7, 1, None)}
    assert not setback.is_over(position)
    assert not setback.is_over(position, place)
    assert not setback.is_over(position, place._replace(offset=6, entry=9))
    assert setback.is_over(position, place._replace(entry=6))
    assert setback.is_over({INTERNAL: SourcePosition(8, 1, None)})


def test_without_a_place_the_entries_of_a_bundle_are_tried_one_by_one():
    """A record that its topic does not take shows only when the outputs are collected."""
    bundle = records(7, 8, INTERNAL)
    setback = setback_after(NotApplied(bundle), None)
    assert (setback.pause, setback.next_attempt(records(7, 9, INTERNAL))) == (0, Attempt(bundle, 0))
    assert setback_after(NotApplied(bundle), setback).pause == FIRST_PAUSE


def test_a_setback_is_over_when_all_topics_are_past_it():
    setback = Setback({"a": 8, "b": 3}, 1, 60.0)
    assert not setback.is_over(at(a=8, b=2))
    assert not setback.is_over(at(a=7, b=3))
    assert setback.is_over(at(a=8, b=3))


def test_the_places_of_records_are_named_for_people():
    found = [*records(7, 10), *records(2, 3, INTERNAL), *records(10, 12)]
    assert describe(NotApplied(found), "t.") == "in offset 7 to 11, in-internal offset 2"
    assert describe(NotApplied([]), "t.") == ""


@settings(max_examples=100)
@given(count=st.integers(1, 5_000), share=st.floats(0, 1, exclude_max=True), fetch=st.integers(1, 5_000))
def test_a_record_that_always_fails_is_found_after_few_failures(count, share, fetch):
    """However the records are fetched again: all before it are applied, and it fails alone."""
    bad = int(count * share)
    log = records(0, count)
    position, failures, attempts, setback = 0, 0, 0, None
    while True:
        attempts += 1
        waiting = log[position : position + (fetch if failures else count)]
        tried = waiting if setback is None else setback.next_attempt(waiting).records
        if tried[-1].offset >= bad:
            setback = setback_after(NotApplied(tried), setback)
            failures += 1
            if setback.pause:
                break
        else:
            position = tried[-1].offset + 1
            if setback is not None and setback.is_over({IN: SourcePosition(position, 1, None)}):
                setback = None
    assert (tried, position) == (records(bad, bad + 1), bad)
    # Each reads the state.
    assert failures <= 6
    # Each takes a cycle.
    assert fetch < 500 or attempts <= 4 * PARTS + 6
