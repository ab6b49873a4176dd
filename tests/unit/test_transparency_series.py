"""Numbers over time add up to those of the report, and hide the same small ones."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.contract.events.transparency import ReportCount, TransparencyCounter
from streams.desk.text.transparency_series import series

FIRST = date(2026, 1, 1)


def counter(day, count):
    rows = (ReportCount("user", "user_report", False, False, False, count),)
    return TransparencyCounter(str(FIRST + timedelta(days=day)), "reports", 0, "DE", "fraud", rows, ())


def test_the_unit_follows_the_length_of_the_period():
    for days, unit, first, number in (
        (31, "day", "2026-01-01", 31),
        (32, "week", "2025-12-29", 5),
        (181, "week", "2025-12-29", 27),
        (365, "month", "2026-01", 12),
    ):
        (found,) = series([counter(0, 9)], FIRST, FIRST + timedelta(days=days - 1))
        assert (found.unit, found.spans[0].label, len(found.spans)) == (unit, first, number)
        assert [span.number for span in found.spans] == [9] + [0] * (number - 1)


def test_small_numbers_are_hidden():
    (found,) = series([counter(0, 20), counter(1, 3), counter(2, 30)], FIRST, FIRST + timedelta(days=3))
    # The only small number could be calculated from the total, so the smallest other one is withheld too.
    assert [span.number for span in found.spans] == ["*", "*", 30, 0]
    assert series([counter(0, 3)], FIRST, FIRST) == []


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.integers(0, 364), st.integers(5, 50), min_size=1), st.sampled_from([31, 180, 365]))
def test_the_numbers_shown_add_up(counts, days):
    within = {day: count for day, count in counts.items() if day < days}
    found = series(
        [counter(day, count) for day, count in within.items()], FIRST, FIRST + timedelta(days=days - 1)
    )
    assert sum(span.number for each in found for span in each.spans) == sum(within.values())
