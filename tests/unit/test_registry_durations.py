"""Durations of windows and of duties."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.wire.times import DAY, HOUR, MINUTE
from streams.counting.windows import RINGS, window_ring
from streams.registry.durations import parse_duration, parse_legal_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("PT1H", HOUR),
        ("PT24H", DAY),
        ("P1D", DAY),
        ("P1DT12H", DAY + 12 * HOUR),
        ("P2W", 14 * DAY),
        ("PT30M", 30 * MINUTE),
        ("PT1M30S", 90_000),
        ("PT0S", 0),
    ],
)
def test_durations_in_milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "1h",
        "PT1.5H",
        "P1Y",
        "P1M",
        "PT1H ",
        "-PT1H",
        "P1DT",
        "PT١H",
        "pt1h",
        "PT1M1H",
        "P1W1D",
    ],
)
def test_invalid_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


@given(st.integers(min_value=-5, max_value=9000))
def test_a_window_takes_the_finest_ring_that_holds_it(minutes: int) -> None:
    window = minutes * MINUTE
    holding = [index for index, ring in enumerate(RINGS) if 0 < window <= ring.pane_ms * ring.panes]
    if holding and window % RINGS[holding[0]].pane_ms == 0:
        assert window_ring(window) == holding[0]
    else:
        with pytest.raises(ValueError, match="must be a multiple"):
            window_ring(window)


@pytest.mark.parametrize(
    ("text", "ring"), [("PT5M", 0), ("PT1H", 0), ("PT2H", 1), ("PT24H", 1), ("P7D", 2), ("P30D", 2)]
)
def test_windows_use_the_expected_ring(text: str, ring: int) -> None:
    assert window_ring(parse_duration(text)) == ring


@pytest.mark.parametrize(
    ("text", "months", "milliseconds"),
    [
        ("P6M", 6, 0),
        ("P1Y", 12, 0),
        ("P1Y6M", 18, 0),
        ("PT1M", 0, MINUTE),
        ("P60D", 0, 60 * DAY),
        ("PT48H", 0, 48 * HOUR),
    ],
)
def test_legal_durations_in_months_and_milliseconds(text: str, months: int, milliseconds: int) -> None:
    assert parse_legal_duration(text) == (months, milliseconds)


@pytest.mark.parametrize(
    "text", ["", "P", "P0M", "P0Y", "PT0S", "P1M1D", "P6MT1H", "P-6M", "6M", "P1.5Y", "p6m"]
)
def test_invalid_legal_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_legal_duration(text)
