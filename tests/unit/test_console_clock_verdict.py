"""What became of an outcome that was given to a clock."""

from datetime import UTC, datetime

import pytest

from streams.contract.events.clock_outcome import ClockOutcome
from streams.desk.console.casework.clock_verdict import verdict_on_clock


@pytest.mark.parametrize(
    ("outcome", "status", "actor", "verdict"),
    [
        ("fulfilled", "running", None, "waits"),
        ("fulfilled", "lapsed", None, "waits"),
        ("fulfilled", "fulfilled", "anna", "settled"),
        ("fulfilled", "fulfilled", "ben", "too_late"),
        ("fulfilled", "withdrawn", "anna", "too_late"),
        ("withdrawn", "over", None, "too_late"),
        ("paused", "running", None, "waits"),
        ("paused", "paused", "anna", "settled"),
        ("paused", "paused", "ben", "too_late"),
        ("paused", "lapsed", None, "too_late"),
        ("paused", "fulfilled", "ben", "too_late"),
        ("resumed", "paused", "anna", "waits"),
        ("resumed", "running", "anna", "settled"),
        ("resumed", "lapsed", None, "settled"),
        ("resumed", "withdrawn", "ben", "too_late"),
    ],
)
def test_the_clock_tells_what_became_of_an_outcome(outcome, status, actor, verdict):
    said = ClockOutcome("o-1", "c-1", "report", "k", outcome, datetime.now(UTC), actor="anna")
    assert verdict_on_clock(said, status, actor) == verdict
