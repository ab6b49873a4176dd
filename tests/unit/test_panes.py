"""Panes fold the same way in one step or in many, and a running sum equals a fresh sum."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.counting.panes import Folded, RunningSum, drop_before, find_or_insert, fold, pane_at
from streams.counting.sums import UNIT, Pane
from streams.counting.windows import RINGS, WindowSpec, held_from, pane_start

BASE = 288 * 20_000

steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 11, 12, 13, 100, 287, 288, 600, 9000]) | st.integers(0, 400),
        st.sampled_from([0, 0, 1, 5, 12, 40, 155, 156, 288, 2000]) | st.integers(0, 9000),
        st.sampled_from(["user", "trusted_flagger", "automated", "state_actor", "anonymous"]),
    ),
    max_size=40,
)


def build(history):
    """Count a history of (step of time, lateness, kind) step by step.

    Also return its reports and the final time.
    """
    panes, reports, now = [], [], BASE
    for step, lateness, kind in history:
        fold(panes, now, now + step)
        now += step
        drop_before(panes, held_from(2, now))
        start = pane_start(now - lateness, now)
        if start is not None:
            find_or_insert(panes, start).count(kind, None if lateness % 2 else 1, lateness)
            reports.append((now - lateness, kind, lateness))
    return panes, reports, now


@settings(max_examples=200)
@given(steps, st.integers(0, 10_000))
def test_folding_step_by_step_equals_counting_everything_at_the_end(history, later):
    panes, reports, now = build(history)
    fold(panes, now, now + later)
    drop_before(panes, held_from(2, now + later))
    expected = []
    for fine, kind, risk in sorted(reports):
        start = pane_start(fine, now + later)
        if start is not None:
            find_or_insert(expected, start).count(kind, None if risk % 2 else 1, risk)
    assert panes == expected
    assert len(panes) <= sum(ring.panes + ring.late + ring.together - 1 for ring in RINGS)


@settings(max_examples=100)
@given(steps, st.integers(0, 2), st.integers(1, 12), st.lists(st.integers(0, 400), min_size=1, max_size=6))
def test_a_sliding_sum_equals_a_fresh_sum(history, ring, length, moves):
    panes, _, now = build(history)
    for number, pane in enumerate(panes):
        pane.kept, pane.weight = number, UNIT * (len(panes) - number)
    spec = WindowSpec(ring, length, "")
    total = RunningSum.of(panes, spec, now)
    for move in moves:
        now += move
        if now >= total.until:
            total.slide(panes, now)
        assert total == RunningSum.of(panes, spec, now)


def test_folding_panes_of_unequal_weights_takes_the_larger_weight_and_reports_it():
    hour = BASE + 12
    panes = [Pane(hour + 1, kept=3, weight=200), Pane(hour + 2, kept=4, weight=64)]
    even = [Pane(hour + 1, kept=3, weight=200), Pane(hour + 2, kept=4, weight=200)]
    assert fold(copy.deepcopy(panes), hour + 2, hour + 166) is None
    assert fold(panes, hour + 2, hour + 167) == Folded(hour, uneven=True)
    assert panes == [Pane(hour, kept=7, weight=200)]
    assert fold(even, hour + 2, hour + 167) == Folded(hour, uneven=False)


def test_a_pane_between_others_has_the_weight_of_the_next_newer_one():
    panes = [Pane(10, weight=300), Pane(20, weight=100)]
    assert find_or_insert(panes, 15).weight == 100
    assert find_or_insert(panes, 5).weight == 300
    assert find_or_insert(panes, 25).weight == UNIT
    assert [pane.start for pane in panes] == [5, 10, 15, 20, 25]
    assert find_or_insert(panes, 15) is panes[2]


def test_the_counts_of_a_folded_pane_are_found_in_the_coarse_pane():
    hour = BASE + 12
    panes = [Pane(hour + 3), Pane(hour + 7), Pane(hour + 14)]
    fold(panes, hour + 14, hour + 167)
    assert [pane.start for pane in panes] == [hour, hour + 14]
    assert pane_at(panes, hour + 7) is panes[0]
    assert pane_at(panes, hour + 14) is panes[1]
