"""When the time that a legal duty allows is over.

How days are counted follows Regulation (EEC, Euratom) No 1182/71, article 3: the day of the event does not count, a
period of days ends with the last hour of its last day, working days are all but weekends and public holidays.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from streams.registry.durations import parse_legal_duration
from streams.registry.rules import HolidayCalendar, Obligation
from streams.wire.times import DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


class UnknownDays(ValueError):
    """The holiday calendar does not say which of the days up to the deadline are business days."""


def deadline(obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]) -> int:
    """The first millisecond (since the epoch) at which the time of `obligation` is over, if it began at `started_ms`.

    Elapsed time is added to the millisecond; months and years go by the calendar in UTC (31 January and a month is the
    last of February). Business days end at midnight in the time zone of the row's holiday calendar. Raises UnknownDays
    when that calendar is missing or too short, ValueError when the row has no duration that can be counted so.
    """
    if obligation.duration is None:
        raise ValueError(f"{obligation.id} has no duration")
    months, milliseconds = parse_legal_duration(obligation.duration)
    if obligation.calendar == "business_days":
        days, rest = divmod(milliseconds, DAY)
        if months or rest:
            raise ValueError(f"{obligation.id}: business days are counted in whole days, such as P5D")
        return _after_business_days(obligation, days, started_ms, calendars)
    if months:
        return _to_ms(_after_months(_EPOCH + started_ms * _MILLISECOND, months))
    return started_ms + milliseconds


def _after_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def _after_business_days(
    obligation: Obligation, days: int, started_ms: int, calendars: Mapping[str, HolidayCalendar]
) -> int:
    calendar = calendars.get(obligation.holiday_calendar or "")
    if calendar is None:
        raise UnknownDays(f"{obligation.id}: there is no holiday calendar")
    # The rules of time zones are data that come with Python or its host; nothing else of the machine is looked at.
    zone = ZoneInfo(calendar.time_zone)
    day = (_EPOCH + started_ms * _MILLISECOND).astimezone(zone).date()
    while days:
        day += _DAY
        if day > calendar.known_until:
            raise UnknownDays(f"{calendar.id} is known until {calendar.known_until} only")
        days -= day.isoweekday() not in calendar.weekend and day not in calendar.holidays
    return _to_ms(datetime.combine(day + _DAY, time(), zone))


def _to_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _MILLISECOND
