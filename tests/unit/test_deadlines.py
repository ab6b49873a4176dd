"""When a duty's deadline is: elapsed time, calendar months, and business days."""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deciding.law.calendar_days import UnknownDays
from streams.deciding.law.deadlines import deadline, period_end
from streams.registry.rules import HolidayCalendar
from streams.registry.obligation import Obligation
from tests.shipped import RULES

ANY_ROW = RULES.obligations[0]
BERLIN = HolidayCalendar(
    id="de-be",
    time_zone="Europe/Berlin",
    weekend=frozenset({6, 7}),
    holidays=frozenset({date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1)}),
    known_until=date(2026, 12, 31),
    source_url="https://example.org/holidays",
)
CALENDARS = {"de-be": BERLIN}


def row(**changes: Any) -> Obligation:
    return dataclasses.replace(ANY_ROW, calendar="elapsed", holiday_calendar=None, **changes)


def business(days: int) -> Obligation:
    return dataclasses.replace(
        ANY_ROW, calendar="business_days", holiday_calendar="de-be", duration=f"P{days}D"
    )


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("duration", "started", "over"),
    [
        ("PT1H", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"),
        ("PT48H", "2026-03-01T12:00:00.250Z", "2026-03-03T12:00:00.250Z"),
        # Hours are elapsed time, so the start of summer time in between changes nothing.
        ("PT24H", "2026-03-28T12:00:00+01:00", "2026-03-29T13:00:00+02:00"),
        ("P10D", "2026-03-01T00:00:00Z", "2026-03-11T00:00:00Z"),
        ("P6M", "2026-08-31T10:00:00Z", "2027-02-28T10:00:00Z"),
        ("P1Y", "2028-02-29T23:59:59.999Z", "2029-02-28T23:59:59.999Z"),
        ("P1Y6M", "2026-07-15T00:00:00Z", "2028-01-15T00:00:00Z"),
        ("P12M", "2026-12-31T00:00:00Z", "2027-12-31T00:00:00Z"),
    ],
)
def test_deadlines_in_elapsed_time_and_in_months(duration: str, started: str, over: str) -> None:
    assert deadline(row(duration=duration), ms(started), {}) == ms(over)


@pytest.mark.parametrize(
    ("duration", "started", "over"),
    [
        # Regulation 1182/71 art. 3: Tuesday does not count, Friday is the tenth day, and it ends last in
        # Martinique.
        ("P10D", "2026-11-24T12:00:00Z", "2026-12-05T04:00:00Z"),
        # The first and the last moment of that Tuesday, in Réunion.
        ("P10D", "2026-11-23T20:00:00Z", "2026-12-05T04:00:00Z"),
        ("P10D", "2026-11-24T19:59:59.999Z", "2026-12-05T04:00:00Z"),
        # A last day on a Saturday or Sunday gives way to Monday.
        ("P10D", "2026-11-25T12:00:00Z", "2026-12-08T04:00:00Z"),
        ("P10D", "2026-11-26T12:00:00Z", "2026-12-08T04:00:00Z"),
        ("P10D", "2026-11-27T12:00:00Z", "2026-12-08T04:00:00Z"),
        # Hours are elapsed time.
        ("PT96H", "2026-11-24T12:00:00Z", "2026-11-28T12:00:00Z"),
    ],
)
def test_a_wait_ends_when_its_days_have_ended_everywhere_in_the_union(
    duration: str, started: str, over: str
) -> None:
    row = dataclasses.replace(wait(10), duration=duration)
    assert deadline(row, ms(started), {}) == ms(over)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)), st.integers(1, 20))
@settings(max_examples=200)
def test_a_wait_never_ends_before_the_elapsed_days_nor_on_a_weekend(started: datetime, days: int) -> None:
    begun = int(started.replace(tzinfo=UTC).timestamp() * 1000)
    over = deadline(wait(days), begun, {})
    assert over >= deadline(row(duration=f"P{days}D", meaning="deadline"), begun, {})
    # A moment before the end is still the last day in every state, and a working day in Martinique.
    last = datetime.fromtimestamp(over / 1000, UTC) - timedelta(hours=4, milliseconds=1)
    assert last.isoweekday() <= 5
    assert over - begun <= (days + 4) * 86_400_000


@pytest.mark.parametrize(
    ("days", "started", "over"),
    [
        # Received on Wednesday: Thursday is the one day, and it ends at midnight in Berlin.
        (1, "2026-04-01T10:00:00+02:00", "2026-04-03T00:00:00+02:00"),
        # Good Friday, the weekend and Easter Monday do not count.
        (2, "2026-04-01T10:00:00+02:00", "2026-04-08T00:00:00+02:00"),
        # 23:30 UTC on Wednesday is Thursday in Berlin, so the day of receipt is Thursday.
        (1, "2026-04-01T23:30:00Z", "2026-04-08T00:00:00+02:00"),
        # Received on a Saturday.
        (1, "2026-02-28T08:00:00+01:00", "2026-03-03T00:00:00+01:00"),
        # Winter time begins on Sunday 25 October.
        (1, "2026-10-23T12:00:00+02:00", "2026-10-27T00:00:00+01:00"),
    ],
)
def test_deadlines_in_business_days(days: int, started: str, over: str) -> None:
    assert deadline(business(days), ms(started), CALENDARS) == ms(over)


def test_business_days_beyond_the_holiday_calendar_are_refused() -> None:
    last = ms("2026-12-30T10:00:00+01:00")
    assert deadline(business(1), last, CALENDARS) == ms("2027-01-01T00:00:00+01:00")
    with pytest.raises(UnknownDays, match="covers days up to 2026-12-31"):
        deadline(business(2), last, CALENDARS)
    with pytest.raises(UnknownDays, match="no holiday calendar"):
        deadline(business(1), last, {})


@pytest.mark.parametrize("duration", ["PT36H", "P1M"])
def test_business_days_require_whole_days(duration: str) -> None:
    with pytest.raises(ValueError, match="whole days"):
        deadline(dataclasses.replace(business(1), duration=duration), 0, CALENDARS)


def test_a_row_without_duration_has_no_deadline() -> None:
    with pytest.raises(ValueError, match="no duration"):
        deadline(row(duration=None), 0, {})


hours_of_2026 = st.integers(0, 250 * 24).map(
    lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
)


@settings(max_examples=200)
@given(started=hours_of_2026, days=st.integers(1, 15))
def test_business_days_agree_with_a_walk_by_the_hour(started: datetime, days: int) -> None:
    """Walk hour by hour. The deadline is the start, in Berlin, of the day after the last counted day."""
    zone = ZoneInfo("Europe/Berlin")
    moment = started
    received = started.astimezone(zone).date()
    counted: set[date] = set()
    while True:
        moment += timedelta(hours=1)
        day = moment.astimezone(zone).date()
        if day == received or day.isoweekday() > 5 or day in BERLIN.holidays:
            if len(counted) == days:
                break
            continue
        if len(counted) == days and day not in counted:
            break
        counted.add(day)
    # The first hour after the last counted day. Starts are on the hour, and so is midnight in Berlin.
    assert deadline(business(days), int(started.timestamp() * 1000), CALENDARS) == int(
        moment.timestamp() * 1000
    )


# Business days elsewhere

CAIRO = HolidayCalendar(
    id="eg",
    time_zone="Africa/Cairo",
    weekend=frozenset({5, 6}),
    holidays=frozenset({date(2026, 1, 7), date(2026, 1, 25)}),
    known_until=date(2026, 12, 31),
    source_url="https://example.org/holidays",
)


@pytest.mark.parametrize(
    ("days", "started", "over"),
    [
        # Thursday 22 January 2026. Friday and Saturday are the weekend, Sunday the 25th is a holiday.
        (1, "2026-01-22T10:00:00+02:00", "2026-01-27T00:00:00+02:00"),
        # Sunday is a working day: received on Saturday, the one day is Sunday.
        (1, "2026-01-31T10:00:00+02:00", "2026-02-02T00:00:00+02:00"),
    ],
)
def test_business_days_where_friday_and_saturday_are_the_weekend(days: int, started: str, over: str) -> None:
    row = dataclasses.replace(business(days), holiday_calendar="eg")
    assert deadline(row, ms(started), {"eg": CAIRO}) == ms(over)


def test_a_saturday_that_is_worked_is_a_business_day() -> None:
    """Hungary, 2026: Friday 21 August is off, and Saturday the 8th was worked for it."""
    row = dataclasses.replace(business(1), holiday_calendar="hu")
    assert deadline(row, ms("2026-08-07T10:00:00+02:00"), RULES.calendars) == ms("2026-08-09T00:00:00+02:00")
    assert deadline(row, ms("2026-08-19T10:00:00+02:00"), RULES.calendars) == ms("2026-08-25T00:00:00+02:00")


# Regulation (EEC, Euratom) No 1182/71


def union(days: int, calendar: str = "be") -> Obligation:
    return dataclasses.replace(
        ANY_ROW, calendar="regulation_1182_71", holiday_calendar=calendar, duration=f"P{days}D"
    )


@pytest.mark.parametrize(
    ("calendar", "days", "started", "over"),
    [
        # Tuesday 15 December 2026: the tenth day is Friday, Christmas Day. Belgium works on the 28th.
        ("be", 10, "2026-12-15T10:00:00+01:00", "2026-12-29T00:00:00+01:00"),
        # In Ireland Saint Stephen's Day is a Saturday in 2026, and the Monday after it is worked.
        ("ie", 10, "2026-12-15T10:00:00+00:00", "2026-12-29T00:00:00+00:00"),
        # The tenth day is Easter Monday, 29 March 2027.
        ("de", 10, "2027-03-19T16:00:00+01:00", "2027-03-31T00:00:00+02:00"),
        # In Bulgaria that is an ordinary Monday. Orthodox Easter is on 2 May 2027: Monday the 3rd is off, and
        # so is the 4th, because 1 May is a Saturday (Labour Code, art. 154(2); the same days were off in
        # 2021).
        ("bg", 10, "2027-03-19T16:00:00+02:00", "2027-03-30T00:00:00+03:00"),
        ("bg", 10, "2027-04-23T16:00:00+03:00", "2027-05-06T00:00:00+03:00"),
        # An ordinary Friday: the period ends with its last hour, not with the hour of receipt.
        ("be", 10, "2026-11-24T13:00:00+01:00", "2026-12-05T00:00:00+01:00"),
        # 23:30 UTC is the next day in Belgium.
        ("be", 10, "2026-11-23T23:30:00Z", "2026-12-05T00:00:00+01:00"),
        # Art. 3(5): two days from Friday would be the weekend, and have no working day.
        ("be", 2, "2026-11-27T10:00:00+01:00", "2026-12-02T00:00:00+01:00"),
        ("be", 1, "2026-11-27T10:00:00+01:00", "2026-12-01T00:00:00+01:00"),
        # Saturdays and Sundays are never working days, not even a Saturday that the state has worked.
        ("hu", 3, "2026-08-05T10:00:00+02:00", "2026-08-11T00:00:00+02:00"),
    ],
)
def test_periods_of_union_law(calendar: str, days: int, started: str, over: str) -> None:
    assert period_end(union(days, calendar), ms(started), RULES.calendars) == ms(over)


def test_the_clock_ends_with_the_elapsed_days() -> None:
    started = ms("2026-12-15T10:00:00+01:00")
    assert deadline(union(10), started, RULES.calendars) == ms("2026-12-25T10:00:00+01:00")
    assert deadline(union(10), started, {}) == ms("2026-12-25T10:00:00+01:00")


def test_the_clock_never_ends_after_the_period() -> None:
    """Received at 23:30 on 20 March 2027; the tenth day, 30 March, ends an hour earlier because of summer
    time.
    """
    started = ms("2027-03-20T23:30:00+01:00")
    assert deadline(union(10), started, RULES.calendars) == ms("2027-03-31T00:00:00+02:00")
    assert period_end(union(10), started, RULES.calendars) == ms("2027-03-31T00:00:00+02:00")


def test_a_period_beyond_the_calendar_has_no_known_end() -> None:
    late = ms("2027-12-23T10:00:00+01:00")
    assert period_end(union(10), late, RULES.calendars) is None
    assert period_end(union(10), late, {}) is None
    assert period_end(row(duration="P10D"), late, RULES.calendars) is None
    # A wait is then over after its days and the weekend; Saturday is New Year's Day.
    assert deadline(wait(10), late, RULES.calendars) == ms("2028-01-04T00:00:00-04:00")
    # What must be kept is kept for a week more, because any of the days beyond may be a holiday.
    assert deadline(kept("P10D"), late, RULES.calendars) == ms("2028-01-11T00:00:00-04:00")


def wait(days: int, calendar: str = "be") -> Obligation:
    return dataclasses.replace(union(days, calendar), meaning="not_before")


def kept(duration: str, calendar: str = "be") -> Obligation:
    return dataclasses.replace(union(1, calendar), meaning="retention", duration=duration)


@pytest.mark.parametrize(
    ("duration", "started", "over"),
    [
        # Tuesday 24 November 2026, 13:00 in Brussels: the sixtieth day is Saturday 23 January, and Monday is
        # worked.
        ("P60D", "2026-11-24T12:00:00Z", "2027-01-26T04:00:00Z"),
        # Thursday 26 November 2026: the 60th day is Monday 25 January.
        ("P60D", "2026-11-26T12:00:00Z", "2027-01-26T04:00:00Z"),
        # Six months end on the same date, or with a month that is too short; 28 February 2027 is a Sunday.
        ("P6M", "2026-08-31T10:00:00Z", "2027-03-02T04:00:00Z"),
        # 21 July is a holiday in Belgium, here on a Wednesday.
        ("P6M", "2027-01-21T10:00:00Z", "2027-07-23T04:00:00Z"),
        # In Réunion it is the next day already.
        ("P6M", "2026-11-24T21:00:00Z", "2027-05-26T04:00:00Z"),
    ],
)
def test_what_must_be_kept_is_kept_to_the_end_of_a_working_day_everywhere(
    duration: str, started: str, over: str
) -> None:
    found = deadline(kept(duration), ms(started), RULES.calendars)
    assert found == ms(over)


def test_outside_the_union_the_last_day_ends_everywhere_on_earth() -> None:
    # Tuesday 24 November 2026 in Honolulu; in Kiribati it is Wednesday, and three weeks later too.
    row_of_21_days = row(duration="P21D", meaning="retention")
    assert deadline(row_of_21_days, ms("2026-11-24T12:00:00Z"), {}) == ms("2026-12-17T00:00:00-12:00")


def test_no_member_state_has_more_days_off_in_a_row_than_are_added_beyond_a_calendar() -> None:
    members = {
        code.lower()
        for code, rules in RULES.jurisdictions.items()
        if "EU" in rules.regions and rules.part_of is None
    }
    longest = 0
    for name in members:
        calendar = RULES.calendars[name]
        off = calendar.holidays | calendar.possible
        days = 0
        for number in range((calendar.known_until - date(2026, 1, 1)).days + 1):
            day = date(2026, 1, 1) + timedelta(days=number)
            days = days + 1 if day.isoweekday() > 5 or day in off else 0
            longest = max(longest, days)
    assert len(members) == 27
    assert 4 <= longest < 7


@pytest.mark.parametrize(
    ("calendar", "started", "earliest"),
    [
        # No part of Belgium has a holiday of its own, so both ends are the same.
        ("be", "2026-12-15T10:00:00+01:00", "2026-12-29T00:00:00-04:00"),
        # 6 January 2027 is a holiday in three German Länder: the period may end with the 6th, or with the
        # 7th.
        ("de", "2026-12-27T10:00:00+01:00", "2027-01-08T00:00:00-04:00"),
    ],
)
def test_what_must_wait_waits_for_days_that_may_be_holidays(
    calendar: str, started: str, earliest: str
) -> None:
    assert deadline(wait(10, calendar), ms(started), RULES.calendars) == ms(earliest)


@settings(max_examples=200)
@given(
    started=hours_of_2026,
    days=st.integers(1, 30),
    calendar=st.sampled_from(["be", "bg", "de", "es", "fr", "hu", "it"]),
)
def test_the_ends_of_a_period_are_in_order(started: datetime, days: int, calendar: str) -> None:
    at = int(started.timestamp() * 1000)
    end = period_end(union(days, calendar), at, RULES.calendars)
    assert end is not None
    assert deadline(union(days, calendar), at, RULES.calendars) <= end
    assert end <= deadline(wait(days, calendar), at, RULES.calendars)
