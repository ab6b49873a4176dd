"""How late requests move the time of their partition."""

import pytest

from tests.unit.request_traffic import (
    NOON,
    new_requests,
    removal_order,
    request_record,
    run_requests,
    steps,
    tick_record,
)
from tests.unit.traffic import DAY, HOUR, MINUTE


@pytest.mark.parametrize("late", [12 * HOUR, 64 * HOUR, 7 * DAY])
def test_a_request_entered_after_a_weekend_lapses_with_the_next_tick(late: int) -> None:
    state = new_requests()
    run_requests(state, [request_record(removal_order(), appended=NOON + late)])
    outcome = run_requests(state, [tick_record(1, NOON + late + MINUTE)])
    assert [(reason, minutes) for _, reason, minutes in steps(outcome)] == [
        ("clock_half", 30),
        ("clock_nine_tenths", 54),
        ("clock_lapsed", 60),
    ]
    assert state.time.now == NOON + late + MINUTE


def test_a_late_request_never_sets_time_back() -> None:
    state = new_requests()
    run_requests(state, [request_record(removal_order("ar-1", NOON + 2 * DAY))])
    newest = state.time.newest_append
    run_requests(state, [request_record(removal_order("ar-2", NOON), appended=NOON + 3 * DAY)])
    assert state.time.now == NOON + 2 * DAY
    assert state.time.newest_append == newest
