"""Conditions of policies: when they hold, how they read, and how an escalation shows them."""

from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.escalation import Comparison, Condition
from streams.counting.conditions import condition
from streams.counting.sums import WindowCounts
from streams.desk.text.record_text import _condition_text

COMPARISONS = get_args(Comparison)
MEANING = {
    ">=": lambda value, bound: value >= bound,
    ">": lambda value, bound: value > bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}


@given(st.sampled_from(COMPARISONS), st.integers(0, 4_000_000), st.integers(0, 4_000_000))
def test_a_condition_holds_as_its_comparison_says(comparison: Comparison, risk: int, bound: int) -> None:
    one = condition("risk", comparison, bound / 1_000_000)
    assert one.holds(WindowCounts(risk=risk)) is MEANING[comparison](risk, bound)


@given(st.sampled_from(COMPARISONS), st.integers(0, 20), st.integers(1, 20))
def test_with_fewer_than_the_least_reports_it_never_holds(
    comparison: Comparison, reports: int, bound: int
) -> None:
    one = condition("reports", comparison, bound)
    if reports < one.least_reports:
        assert not one.holds(WindowCounts(reports=reports))
    assert one.is_minimum is not one.holds(WindowCounts())


@given(st.sampled_from((">=", ">")), st.integers(0, 4_000_000), st.integers(0, 4_000_000))
def test_it_lasts_while_the_measure_is_as_high_as_a_share(
    comparison: Comparison, risk: int, bound: int
) -> None:
    lasting = condition("risk", comparison, bound / 1_000_000).lasting(0.25)
    assert lasting.holds(WindowCounts(risk=risk)) is MEANING[comparison](risk, Fraction(bound, 4))


@pytest.mark.parametrize(
    ("comparison", "value", "reads"),
    [
        (">=", 3, "reports 3 >= 3"),
        (">=", 2, "reports 2 < 3"),
        (">", 4, "reports 4 > 3"),
        (">", 3, "reports 3 <= 3"),
        ("<", 2, "reports 2 < 3"),
        ("<", 3, "reports 3 >= 3"),
        ("<=", 3, "reports 3 <= 3"),
        ("<=", 4, "reports 4 > 3"),
    ],
)
def test_an_escalation_says_how_the_value_stands_to_the_threshold(
    comparison: Comparison, value: int, reads: str
) -> None:
    shown = condition("reports", comparison, 3).shown(WindowCounts(reports=value))
    assert _condition_text(shown) == reads


def test_an_event_of_an_earlier_version_reads_as_before() -> None:
    assert Condition("risk", 0.5, 0.5).relation == ">="
    assert Condition("risk", 0.4, 0.5).relation == "<"
