from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deciding.partition.admission.breaker import WINDOW, DeadLetterBreaker
from streams.deciding.partition.limits import LIMITS
from streams.deciding.partition.settings import PartitionSettings
from streams.deciding.reports.rules import ReportRules
from streams.deciding.reports.stage import report_stage
from streams.deciding.reports.state import ReportState
from tests.unit.traffic import EXTERNAL, INTERNAL, START, Record, compiled, counted, policy, report, run

BAD = Record(EXTERNAL, 0, 0, START, None, b"{")


def note(window: DeadLetterBreaker, *, dead: bool) -> bool:
    window.note(dead=dead)
    return window.is_tripped


def test_a_flood_fills_the_window() -> None:
    window = DeadLetterBreaker()
    assert [note(window, dead=True) for _ in range(WINDOW)] == [False] * (WINDOW - 1) + [True]


def test_a_flood_is_more_than_half() -> None:
    window = DeadLetterBreaker()
    for number in range(5 * WINDOW):
        assert not note(window, dead=number % 2 == 0)
    # A good record leaves the window and a dead letter enters it.
    assert not note(window, dead=True)
    assert note(window, dead=True)


@pytest.mark.slow
@settings(max_examples=60)
@given(runs=st.lists(st.tuples(st.booleans(), st.integers(1, 700)), max_size=8), cut=st.integers(0, 4000))
def test_the_window_agrees_with_a_list_of_all_records(runs: list[tuple[bool, int]], cut: int) -> None:
    window = DeadLetterBreaker()
    seen: list[bool] = []
    for dead, count in runs:
        for _ in range(count):
            seen.append(dead)
            last = seen[-WINDOW:]
            assert note(window, dead=dead) == (len(last) == WINDOW and 2 * sum(last) > WINDOW)
            assert window.dead_letters == sum(last)
            if len(seen) == cut:
                window = DeadLetterBreaker.decode(window.encode())


def test_a_window_without_dead_letters_takes_eight_bytes() -> None:
    window = DeadLetterBreaker()
    for number in range(3 * WINDOW):
        window.note(dead=number < WINDOW)
    assert len(window.encode()) == 8


def apply(state: ReportState, rules: ReportRules, records: list[Record]) -> tuple[Any, dict[str, int]]:
    stage = report_stage(rules)
    *_, batch = stage.apply_in_slices(state, records)
    return batch, dict(stage.tripped(batch))


def test_a_flood_ends_the_batch_and_names_its_source() -> None:
    rules = compiled(policy())
    state = ReportState(0, 1, rules)
    run(state, rules, [BAD] * (WINDOW - 1))
    batch, tripped = apply(state, rules, [BAD] * WINDOW)
    assert LIMITS.batch_refused <= batch.finished_records < WINDOW
    assert tripped == {EXTERNAL: batch.finished_records}
    assert len(batch.outputs) == batch.finished_records


def test_a_flood_goes_on_over_batches_and_ends_with_honest_records() -> None:
    rules = compiled(policy())
    state = ReportState(0, 1, rules)
    run(state, rules, [report(1, START)] * 499)
    run(state, rules, [BAD] * 500)
    assert not state.breaker.is_tripped
    assert apply(state, rules, [BAD])[1] == {EXTERNAL: 1}
    # A duplicate counts as good.
    assert apply(state, rules, [report(1, START)] * WINDOW)[1] == {}


def test_the_internal_topic_never_rests() -> None:
    rules = compiled(policy())
    bad = BAD._replace(topic=INTERNAL)
    _, tripped = apply(ReportState(0, 1, rules), rules, [bad] * (2 * WINDOW))
    assert tripped == {}


def test_without_the_breaker_a_flood_is_not_slowed() -> None:
    rules = compiled(policy(), settings=PartitionSettings(dead_letter_breaker=False))
    state = ReportState(0, 1, rules)
    outcome = run(state, rules, [BAD] * (WINDOW + 1))
    assert counted(outcome).get("dead_letter:not_json", 0) == WINDOW + 1
    assert {output.topic for output in outcome.outputs} == {"dead-letters"}
    assert apply(state, rules, [BAD])[1] == {}
