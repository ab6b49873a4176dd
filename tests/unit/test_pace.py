import pytest

from streams.running.cycle import pace
from streams.running.cycle.pace import LONGEST_SECONDS, PACE_SECONDS, Pace


@pytest.fixture
def at(monkeypatch):
    """Sets the clock."""
    return lambda now: monkeypatch.setattr(pace.time, "monotonic", lambda: now)


def wait_after(at, seconds, idle):
    kept = Pace()
    at(100.0)
    kept.begin()
    at(100.0 + seconds)
    kept.end(seconds)
    at(100.0 + seconds + idle)
    return kept.wait_seconds()


def test_the_first_cycle_begins_at_once(at):
    at(0.0)
    assert Pace().wait_seconds() == 0


def test_cycles_begin_a_pace_apart(at):
    assert wait_after(at, 0.005, 0.001) == pytest.approx(PACE_SECONDS - 0.006)


def test_after_a_pause_there_is_no_wait(at):
    assert wait_after(at, 0.005, PACE_SECONDS + 0.001) == 0


def test_slow_transactions_begin_further_apart(at):
    assert wait_after(at, 0.1, 0.001) == pytest.approx(0.2 - 0.101)
    assert wait_after(at, 10.0, 0.001) == 0
    assert wait_after(at, 0.4, 0.001) == pytest.approx(LONGEST_SECONDS - 0.401)
