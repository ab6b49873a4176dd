"""When the time that a legal duty allows ends.

A clock of hours or days counts elapsed time, so that it needs no calendar. Rows may count otherwise (`calendar`):

- `business_days`: only the working days of the row's holiday calendar. Without a calendar no clock runs.
- `regulation_1182_71`: as Regulation (EEC, Euratom) No 1182/71 counts the days of Union law. The day of the event does
  not count (art. 3(1)), a period ends with the last hour of its last day (art. 3(2)(b)), or with that of the next working
  day if the last day is a public holiday, a Saturday or a Sunday (art. 3(4)), and a period of two days or more has at least
  two working days (art. 3(5)). The clock still ends with the elapsed days, or with the period if that is earlier; the
  end of the period is shown beside it.

A holiday that the calendar lacks lets a deadline end too early. That is the safe side for what must be done *within* a
period, and the wrong side for what must *not* be done *before* its end (`meaning: not_before`). Such a wait also counts
every day that may be a holiday, and even so a holiday decreed at short notice can be missing, and all of them after the
end of the calendar. A person decides before acting on it.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from streams.registry.durations import parse_legal_duration
from streams.registry.rules import HolidayCalendar, Obligation
from streams.wire.times import DAY, epoch_ms, from_epoch_ms, months_later

_DAY = timedelta(days=1)
# Regulation 1182/71 art. 2(2): Saturdays and Sundays are not working days, whatever is usual in the state.
_SATURDAY = 6

# The first and the last zone of the Member States in Europe: Greece, Finland and others in summer; the Azores in winter.
_EASTERNMOST, _WESTERNMOST = timezone(timedelta(hours=3)), timezone(timedelta(hours=-1))


class UnknownDays(ValueError):
    """There is no holiday calendar, or it does not cover all days up to the deadline."""


def deadline(obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]) -> int:
    """The first millisecond (since the epoch) after the time of `obligation`, if it began at `started_ms`.

    Hours and days are elapsed time, except that days of a wait (`not_before`) end with their last hour everywhere in the
    Union. Months and years follow the calendar in UTC: one month after 31 January is the last day of February. Business
    days end at midnight in the time zone of the row's holiday calendar. Raises UnknownDays if that calendar is missing
    or too short, and ValueError if the row has no duration, or business days that are not whole.
    """
    if obligation.duration is None:
        raise ValueError(f"{obligation.id} has no duration")
    months, milliseconds = parse_legal_duration(obligation.duration)
    if obligation.calendar == "business_days":
        calendar = _calendar(obligation, calendars)
        return _after_business_days(calendar, _whole_days(obligation), started_ms)
    if months:
        return epoch_ms(months_later(from_epoch_ms(started_ms), months))
    if obligation.meaning == "not_before" and "T" not in obligation.duration:
        return _wait_end(obligation, started_ms, calendars)
    due = started_ms + milliseconds
    if obligation.calendar == "regulation_1182_71":
        # If summer time begins meanwhile, the elapsed days may end up to an hour after the last hour of the last day.
        due = min(due, period_end(obligation, started_ms, calendars) or due)
    return due


def period_end(
    obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]
) -> int | None:
    """The first millisecond after the period of `obligation` by Regulation 1182/71, if it began at `started_ms`.

    None if no calendar covers the whole period, and for rows that count otherwise.
    """
    if obligation.calendar != "regulation_1182_71":
        return None
    try:
        calendar = _calendar(obligation, calendars)
        return _after_period(calendar, calendar.holidays, _whole_days(obligation), started_ms)
    except UnknownDays:
        return None


def _calendar(obligation: Obligation, calendars: Mapping[str, HolidayCalendar]) -> HolidayCalendar:
    calendar = calendars.get(obligation.holiday_calendar or "")
    if calendar is None:
        raise UnknownDays(f"{obligation.id}: has no holiday calendar")
    return calendar


def _whole_days(obligation: Obligation) -> int:
    months, milliseconds = parse_legal_duration(obligation.duration or "")
    days, rest = divmod(milliseconds, DAY)
    if months or rest:
        raise ValueError(f"{obligation.id}: its days are counted in whole days, such as P5D")
    return days


def _wait_end(obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]) -> int:
    """When the days of a wait are over, as far as is known: every day that may be a holiday counts as one."""
    days = _whole_days(obligation)
    end = _after_whole_days(days, started_ms)
    if obligation.calendar != "regulation_1182_71":
        return end
    try:
        calendar = _calendar(obligation, calendars)
        return max(end, _after_period(calendar, calendar.holidays | calendar.possible, days, started_ms))
    except UnknownDays:
        return end


def _after_whole_days(days: int, started_ms: int) -> int:
    """When days have ended everywhere in the Union (Regulation 1182/71, art. 3(1), (2)(b) and (4)).

    Elapsed days end up to a day and a half earlier: safe for a deadline, too early for a wait. The day of the event
    does not count, the last day ends with its last hour, and one that is a Saturday or Sunday gives way to Monday.
    """
    last = from_epoch_ms(started_ms).astimezone(_EASTERNMOST).date() + days * _DAY
    while last.isoweekday() >= _SATURDAY:
        last += _DAY
    return epoch_ms(datetime.combine(last + _DAY, time(), _WESTERNMOST))


def _after_business_days(calendar: HolidayCalendar, days: int, started_ms: int) -> int:
    day = _day_of(calendar, started_ms)
    while days:
        day = _next_known_day(calendar, day)
        off = day.isoweekday() in calendar.weekend and day not in calendar.working
        days -= not off and day not in calendar.holidays
    return _midnight_after(calendar, day)


def _after_period(calendar: HolidayCalendar, holidays: frozenset[date], days: int, started_ms: int) -> int:
    day = _day_of(calendar, started_ms)
    passed = worked = 0
    works = False
    while passed < days or not works or worked < min(days, 2):
        day = _next_known_day(calendar, day)
        passed += 1
        works = day.isoweekday() < _SATURDAY and day not in holidays
        worked += works
    return _midnight_after(calendar, day)


def _next_known_day(calendar: HolidayCalendar, day: date) -> date:
    day += _DAY
    if day > calendar.known_until:
        raise UnknownDays(f"{calendar.id} covers days up to {calendar.known_until} only")
    return day


# Time zone rules come with Python or the host: the only input here that is not part of the registry.
def _day_of(calendar: HolidayCalendar, moment_ms: int) -> date:
    return from_epoch_ms(moment_ms).astimezone(ZoneInfo(calendar.time_zone)).date()


def _midnight_after(calendar: HolidayCalendar, day: date) -> int:
    return epoch_ms(datetime.combine(day + _DAY, time(), ZoneInfo(calendar.time_zone)))
