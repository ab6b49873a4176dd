"""Effective reporters against their definition, and when a brigade is suspected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.counting.coordination.integrity import effective_reporters, integrity


@pytest.mark.parametrize(
    ("reports", "distinct", "without_ref", "expected"),
    [
        (43, 3, 40, 1.15),
        (43, 43, 0, 43.0),
        (40, 0, 40, 1.0),
        (1, 1, 0, 1.0),
        (10, 5, 0, 5.0),
        (10, 1, 0, 1.0),
        (0, 0, 0, 0.0),
    ],
)
def test_effective_reporters_of_examples(
    reports: int, distinct: int, without_ref: int, expected: float
) -> None:
    assert round(effective_reporters(reports, distinct, without_ref), 2) == expected


@given(st.lists(st.integers(1, 20), max_size=30), st.integers(0, 40))
def test_effective_reporters_of_an_even_spread_are_the_inverse_of_simpsons_index(
    sizes: list[int], without_ref: int
) -> None:
    # All reporters report equally often, as the counts assume. The result then equals the definition.
    each = sizes[0] if sizes else 0
    groups = [each] * len(sizes) + ([without_ref] if without_ref else [])
    reports = sum(groups)
    got = effective_reporters(reports, len(sizes), without_ref)
    if not reports:
        assert got == 0
        return
    assert got == pytest.approx(1 / sum((size / reports) ** 2 for size in groups))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(0, 40))
def test_effective_reporters_are_an_upper_bound_for_any_spread(sizes: list[int], without_ref: int) -> None:
    groups = [*sizes, *([without_ref] if without_ref else [])]
    reports = sum(groups)
    true = reports**2 / sum(size**2 for size in groups)
    got = effective_reporters(reports, len(sizes), without_ref)
    assert true <= got * (1 + 1e-12)
    assert 1 <= got * (1 + 1e-12) <= reports + 1e-9


@given(st.integers(0, 500), st.integers(0, 700), st.integers(0, 500))
def test_inconsistent_estimates_stay_within_bounds(with_ref: int, distinct: int, without_ref: int) -> None:
    reports = with_ref + without_ref
    result = integrity(reports, distinct, without_ref, 0)
    assert 0 <= result.score < 1
    assert 0 <= result.signals["without_ref_share"] <= 1
    if with_ref:
        assert 1 <= result.signals["reports_per_reporter"] <= with_ref
    else:
        assert result.signals["reports_per_reporter"] == 0


def test_a_brigade_is_suspected() -> None:
    result = integrity(reports=43, distinct=3, without_ref=40, anonymous=38)
    assert result.score == 0.973175
    assert result.brigade_suspected
    assert result.signals == {
        "without_ref_share": 0.930233,
        "anonymous_share": 0.883721,
        "reports_per_reporter": 1.0,
    }


def test_a_crowd_is_not_suspected() -> None:
    assert not integrity(reports=43, distinct=43, without_ref=0, anonymous=0).brigade_suspected
    # Two reports from each reporter give a score of .5.
    twice = integrity(reports=40, distinct=20, without_ref=0, anonymous=0)
    assert (twice.score, twice.brigade_suspected) == (0.5, False)


@pytest.mark.parametrize(("reports", "suspected"), [(9, False), (10, True)])
def test_few_reports_are_not_suspected(reports: int, suspected: bool) -> None:
    assert integrity(reports, 1, 0, 0).brigade_suspected is suspected


@pytest.mark.parametrize(("reports", "suspected"), [(10, True), (9, False)])
def test_the_score_from_which_a_brigade_is_suspected(reports: int, suspected: bool) -> None:
    # 10 reports of 3 reporters score 1 - 3/10 = .7. 30 reports of 10 reporters score .67.
    assert integrity(10, 3, 0, 0).score == 0.7
    assert integrity(10, 3, 0, 0).brigade_suspected
    assert not integrity(30, 10, 0, 0).brigade_suspected
    assert integrity(reports, 2, 0, 0).brigade_suspected is suspected


def test_without_reports_the_score_is_zero() -> None:
    result = integrity(0, 0, 0, 0)
    assert (result.score, result.brigade_suspected) == (0.0, False)
