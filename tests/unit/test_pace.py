"""How far apart cycles begin, with a clock that the test moves."""

from types import SimpleNamespace

import pytest

from streams.running.cycle import pace as module
from streams.running.cycle.pace import (
    FETCH_SECONDS,
    FEW_PER_SECOND,
    LONGEST_SECONDS,
    PACE_SECONDS,
    SECONDS_WITH_FEW,
    Pace,
)

# The least number of records a cycle that are not few, PACE_SECONDS after the one before.
ENOUGH = int(FEW_PER_SECOND * PACE_SECONDS) + 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    moving = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: moving.now))
    return moving


def cycle(pace: Pace, clock: SimpleNamespace, records: int, seconds: float) -> None:
    pace.begin(records)
    clock.now += seconds
    pace.end(seconds)


@pytest.mark.parametrize(
    ("records", "transaction", "apart"),
    [
        (ENOUGH, 0.005, PACE_SECONDS),
        (ENOUGH - 2, 0.005, SECONDS_WITH_FEW),
        (ENOUGH - 2, 0.1, 0.2),
        (1_000, 0.05, 0.1),
        (1_000, 0.4, LONGEST_SECONDS),
    ],
)
def test_cycles_are_apart(clock: SimpleNamespace, records: int, transaction: float, apart: float) -> None:
    pace = Pace()
    pace.begin(0)
    clock.now += PACE_SECONDS
    cycle(pace, clock, records, transaction)
    assert pace.wait_seconds() == pytest.approx(apart - transaction)


def test_one_small_cycle_among_large_ones_changes_nothing(clock: SimpleNamespace) -> None:
    pace = Pace()
    for records, apart in [(0, None), (3 * ENOUGH, PACE_SECONDS), (1, PACE_SECONDS), (1, SECONDS_WITH_FEW)]:
        cycle(pace, clock, records, 0.005)
        if apart is not None:
            assert pace.wait_seconds() == pytest.approx(apart - 0.005)
        clock.now += PACE_SECONDS - 0.005


def test_after_a_pause_nothing_waits(clock: SimpleNamespace) -> None:
    pace = Pace()
    assert pace.wait_seconds() == 0
    cycle(pace, clock, 1, 0.005)
    clock.now += SECONDS_WITH_FEW + 0.001
    assert pace.wait_seconds() == 0


def test_the_next_fetch_is_shortly_before_the_next_cycle(clock: SimpleNamespace) -> None:
    pace = Pace()
    cycle(pace, clock, 1, 0.005)
    clock.now += 0.01
    fetched_at = clock.now
    # The records are applied SECONDS_WITH_FEW after the cycle before.
    begins = fetched_at - 0.015 + SECONDS_WITH_FEW
    assert pace.fetch_seconds(fetched_at) == pytest.approx(
        begins + SECONDS_WITH_FEW - FETCH_SECONDS - clock.now
    )
    clock.now = begins + 0.02
    pace.begin(1)
    assert pace.fetch_seconds(fetched_at) == pytest.approx(SECONDS_WITH_FEW - FETCH_SECONDS)
    clock.now += SECONDS_WITH_FEW
    assert pace.fetch_seconds(fetched_at) == 0


@pytest.mark.parametrize(
    ("transaction", "apart"), [(0.005, PACE_SECONDS), (0.2, 0.4), (2 * LONGEST_SECONDS, LONGEST_SECONDS)]
)
def test_fetches_are_as_far_apart_as_cycles(clock: SimpleNamespace, transaction: float, apart: float) -> None:
    pace = Pace()
    pace.begin(0)
    clock.now += PACE_SECONDS
    cycle(pace, clock, 1_000, transaction)
    clock.now += apart
    fetched_at = clock.now
    pace.begin(1_000)
    assert pace.fetch_seconds(fetched_at) == pytest.approx(apart - FETCH_SECONDS)


def test_after_a_pause_a_cycle_begins_with_what_is_fetched(clock: SimpleNamespace) -> None:
    pace = Pace()
    assert pace.fetch_seconds(clock.now) == pytest.approx(SECONDS_WITH_FEW - FETCH_SECONDS)
