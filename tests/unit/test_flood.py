import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.partition.flood import WINDOW, FloodDetected, FloodWindow
from streams.reports.state import ReportState
from tests.unit.traffic import EXTERNAL, START, Record, compiled, counted, policy, report, run

BAD = Record(EXTERNAL, 0, 0, START, None, b"{")


def test_the_breaker_trips_only_when_the_window_is_full() -> None:
    window = FloodWindow()
    assert [window.note(dead=True) for _ in range(WINDOW)] == [False] * (WINDOW - 1) + [True]


def test_the_breaker_needs_more_than_half() -> None:
    window = FloodWindow()
    for number in range(5 * WINDOW):
        assert not window.note(dead=number % 2 == 0)
    # A good record leaves the window and a dead letter enters it.
    assert not window.note(dead=True)
    assert window.note(dead=True)


@settings(deadline=None, max_examples=60)
@given(runs=st.lists(st.tuples(st.booleans(), st.integers(1, 700)), max_size=8), cut=st.integers(0, 4000))
def test_the_window_agrees_with_a_list_of_all_records(runs: list[tuple[bool, int]], cut: int) -> None:
    window = FloodWindow()
    seen: list[bool] = []
    for dead, count in runs:
        for _ in range(count):
            seen.append(dead)
            last = seen[-WINDOW:]
            assert window.note(dead=dead) == (len(last) == WINDOW and 2 * sum(last) > WINDOW)
            assert window.dead_letters == sum(last)
            if len(seen) == cut:
                window = FloodWindow.decode(window.encode())


def test_a_window_without_dead_letters_takes_eight_bytes() -> None:
    window = FloodWindow()
    for number in range(3 * WINDOW):
        window.note(dead=number < WINDOW)
    assert len(window.encode()) == 8


def test_a_flood_stops_the_worker_with_a_message_for_the_operator() -> None:
    rules = compiled(policy())
    state = ReportState(3, 4, rules)
    with pytest.raises(FloodDetected, match=r"1000 of the last 1000 records of partition 3"):
        run(state, rules, [BAD] * WINDOW)


def test_the_window_spans_batches_and_duplicates_count_as_good() -> None:
    rules = compiled(policy())
    state = ReportState(0, 1, rules)
    run(state, rules, [report(1, START)] * 499)
    run(state, rules, [BAD] * 500)
    with pytest.raises(FloodDetected):
        run(state, rules, [BAD] * 2)


def test_a_disabled_breaker_never_trips() -> None:
    rules = compiled(policy(), dead_letter_breaker=False)
    outcome = run(ReportState(0, 1, rules), rules, [BAD] * (WINDOW + 1))
    assert counted(outcome).get("dead_letter:not_json", 0) == WINDOW + 1
    assert {output.topic for output in outcome.outputs} == {"dead-letters"}
