"""How far apart cycles begin, with a clock that the test moves."""

from types import SimpleNamespace

import pytest

from streams.running.cycle import pace as module
from streams.running.cycle.pace import FEW_RECORDS, LONGEST_SECONDS, PACE_SECONDS, SECONDS_WITH_FEW, Pace


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
        (FEW_RECORDS, 0.005, PACE_SECONDS),
        (FEW_RECORDS - 1, 0.005, SECONDS_WITH_FEW),
        (FEW_RECORDS - 1, 0.05, 0.1),
        (1_000, 0.05, 0.1),
        (1_000, 0.4, LONGEST_SECONDS),
    ],
)
def test_cycles_are_apart(clock: SimpleNamespace, records: int, transaction: float, apart: float) -> None:
    pace = Pace()
    cycle(pace, clock, records, transaction)
    assert pace.wait_seconds() == pytest.approx(apart - transaction)


def test_one_small_cycle_among_large_ones_changes_nothing(clock: SimpleNamespace) -> None:
    pace = Pace()
    cycle(pace, clock, 3 * FEW_RECORDS, 0.005)
    cycle(pace, clock, 1, 0.005)
    assert pace.wait_seconds() == pytest.approx(PACE_SECONDS - 0.005)
    cycle(pace, clock, 1, 0.005)
    assert pace.wait_seconds() == pytest.approx(SECONDS_WITH_FEW - 0.005)


def test_after_a_pause_nothing_waits(clock: SimpleNamespace) -> None:
    pace = Pace()
    assert pace.wait_seconds() == 0
    cycle(pace, clock, 1, 0.005)
    clock.now += SECONDS_WITH_FEW + 0.001
    assert pace.wait_seconds() == 0


@pytest.mark.parametrize(
    ("transaction", "collects"), [(0.005, PACE_SECONDS), (0.2, 0.2), (2 * LONGEST_SECONDS, LONGEST_SECONDS)]
)
def test_records_come_together_for_as_long_as_a_transaction_takes(
    clock: SimpleNamespace, transaction: float, collects: float
) -> None:
    pace = Pace()
    assert pace.collecting_seconds() == PACE_SECONDS
    cycle(pace, clock, 1_000, transaction)
    assert pace.collecting_seconds() == collects
