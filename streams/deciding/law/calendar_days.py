"""Counting the days of a holiday calendar, and where a day begins and ends.

Times are in milliseconds since the epoch.
"""

from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from streams.contract.wire.times import epoch_ms, from_epoch_ms
from streams.registry.rules import HolidayCalendar

# Reports that come together begin their periods on the same few days, and a registry has some ten lengths and
# calendars. Counting the days of two months takes some 40 us.
_MOST_KNOWN = 4_096

ONE_DAY = timedelta(days=1)
# Regulation 1182/71 art. 2(2): Saturdays and Sundays are not working days, whatever is usual in the state.
SATURDAY = 6


class UnknownDays(ValueError):
    """There is no holiday calendar, or it does not cover all days up to the deadline."""


# Time zone rules come with Python or the host: the only input here that is not part of the registry.
def day_in(zone: tzinfo, moment_ms: int) -> date:
    """The day in a time zone."""
    return from_epoch_ms(moment_ms).astimezone(zone).date()


@lru_cache(maxsize=_MOST_KNOWN)
def end_of(day: date, zone: tzinfo) -> int:
    """The first millisecond after a day in a time zone."""
    return epoch_ms(datetime.combine(day + ONE_DAY, time(), zone))


def after_business_days(calendar: HolidayCalendar, days: int, started_ms: int) -> int:
    """The first millisecond after so many business days, without the day on which they began.

    Raises UnknownDays.
    """
    zone = ZoneInfo(calendar.time_zone)
    return end_of(_last_business_day(calendar, days, day_in(zone, started_ms)), zone)


@lru_cache(maxsize=_MOST_KNOWN)
def _last_business_day(calendar: HolidayCalendar, days: int, day: date) -> date:
    while days:
        day = _next_known_day(calendar, day)
        off = day.isoweekday() in calendar.weekend and day not in calendar.working
        days -= not off and day not in calendar.holidays
    return day


@lru_cache(maxsize=_MOST_KNOWN)
def last_working_day(calendar: HolidayCalendar, event: date, last: date, *, counts_possible: bool) -> date:
    """The last day of a period of Union law that begins after the day `event` and would end with `last`.

    Regulation 1182/71 art. 3(4) and (5): it ends with a working day, and two days or more have two working
    days. `counts_possible`: a day that may be a public holiday counts as one. Raises UnknownDays.
    """
    days_off = calendar.holidays | calendar.possible if counts_possible else calendar.holidays
    day, worked, works = event, 0, False
    least = min((last - event).days, 2)
    while day < last or not works or worked < least:
        day = _next_known_day(calendar, day)
        works = day.isoweekday() < SATURDAY and day not in days_off
        worked += works
    return day


def _next_known_day(calendar: HolidayCalendar, day: date) -> date:
    day += ONE_DAY
    if day > calendar.known_until:
        raise UnknownDays(f"{calendar.id} covers days up to {calendar.known_until} only")
    return day
