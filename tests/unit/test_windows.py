"""Windows consist of whole panes of the finest ring that holds them."""

import pytest

from streams.counting.windows import (
    FINE_FOLDED,
    FINE_MS,
    FINE_PER_PANE,
    RINGS,
    earliest_end,
    held_from,
    latest_start,
    pane_start,
    window_spec,
    window_start,
    window_stop,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def test_rings_hold_the_longest_windows_of_the_last_twelve_hours():
    assert [ring[:4] for ring in RINGS] == [
        ("5m", 300_000, 12, 144),
        ("1h", 3_600_000, 24, 12),
        ("1d", 86_400_000, 30, 1),
    ]
    assert FINE_PER_PANE == (1, 12, 288)
    # A place of a pane is one byte in the state.
    assert sum(ring.panes + ring.late + ring.together - 1 for ring in RINGS) <= 256


def test_whole_panes_of_the_next_ring_are_folded_at_once():
    for ring, folded in enumerate(FINE_FOLDED[:-1]):
        assert folded % FINE_PER_PANE[ring + 1] == 0 or FINE_PER_PANE[ring + 1] % folded == 0
        assert [held_from(ring, now) % folded for now in range(10**6, 10**6 + 600)] == [0] * 600


@pytest.mark.parametrize(
    ("duration", "ring", "panes"),
    [
        (5 * MINUTE, 0, 1),
        (HOUR, 0, 12),
        (2 * HOUR, 1, 2),
        (DAY, 1, 24),
        (2 * DAY, 2, 2),
        (7 * DAY, 2, 7),
        (30 * DAY, 2, 30),
    ],
)
def test_a_window_uses_the_finest_ring_that_holds_it(duration, ring, panes):
    assert window_spec(duration, "as written") == (ring, panes, "as written")


@pytest.mark.parametrize(
    "duration", [0, -HOUR, 1, MINUTE, 7 * MINUTE, 90 * MINUTE, 25 * HOUR, 36 * HOUR, 31 * DAY]
)
def test_a_window_that_is_not_a_multiple_of_its_pane_is_refused_with_the_valid_ones(duration):
    with pytest.raises(ValueError, match="PT5M.*PT1H.*P1D.*P30D"):
        window_spec(duration, "P?")


def test_a_window_ends_with_the_current_pane():
    now = (100 * DAY + 10 * HOUR + 32 * MINUTE) // FINE_MS
    assert window_start(0, 12, now) * FINE_MS == 100 * DAY + 9 * HOUR + 35 * MINUTE
    assert window_start(1, 2, now) * FINE_MS == 100 * DAY + 9 * HOUR
    assert window_start(2, 7, now) * FINE_MS == 94 * DAY


def test_a_pane_is_held_while_its_ring_covers_it():
    for ring, fine_per_pane in enumerate(FINE_PER_PANE):
        for now in range(10**6, 10**6 + 600, 7):
            needed = (now // fine_per_pane - RINGS[ring].panes - RINGS[ring].late + 1) * fine_per_pane
            assert needed - FINE_FOLDED[ring] < held_from(ring, now) <= needed


def test_windows_of_the_past_end_with_one_of_the_late_panes():
    now = 288 * 1000 + 126  # 10:30
    assert [latest_start(ring, now) for ring in range(3)] == [now - 144, now - 6 - 144, 288 * 999]
    for ring, spec in enumerate(RINGS):
        assert window_start(ring, spec.panes, latest_start(ring, now)) >= held_from(ring, now)
    assert earliest_end(now) == 288 * 999
    assert [window_stop(ring, now) for ring in range(3)] == [now + 1, now + 6, 288 * 1001]


def test_a_late_count_goes_into_the_pane_of_the_finest_ring_that_still_holds_it():
    now = 288 * 1000 + 126  # 10:30
    assert pane_start(now, now) == now
    assert pane_start(now - 162, now) == now - 162  # 21:00 of the previous day
    assert pane_start(now - 163, now) == now - 174  # 20:55 is in the hour from 20:00
    assert held_from(1, now) == 288 * 998 + 144  # 12:00 two days before
    assert pane_start(held_from(1, now) + 5, now) == held_from(1, now)
    assert pane_start(held_from(1, now) - 1, now) == 288 * 998
    assert pane_start(held_from(2, now), now) == 288 * 970
    assert pane_start(held_from(2, now) - 1, now) is None
