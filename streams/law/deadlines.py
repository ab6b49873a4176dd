"""When the time that a legal duty allows ends.

Days are counted as in Regulation (EEC, Euratom) No 1182/71, article 3: the day of the event does not count, a period of
days ends with the last hour of its last day, and working days exclude weekends and public holidays.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from streams.registry.durations import parse_legal_duration
from streams.registry.rules import HolidayCalendar, Obligation
from streams.wire.times import DAY, epoch_ms, from_epoch_ms

_DAY = timedelta(days=1)

# The first and the last zone of the Member States in Europe: Greece, Finland and others in summer; the Azores in winter.
_EASTERNMOST, _WESTERNMOST = timezone(timedelta(hours=3)), timezone(timedelta(hours=-1))
_SATURDAY = 6


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
        days, rest = divmod(milliseconds, DAY)
        if months or rest:
            raise ValueError(f"{obligation.id}: business days are counted in whole days, such as P5D")
        return _after_business_days(obligation, days, started_ms, calendars)
    if months:
        return epoch_ms(_after_months(from_epoch_ms(started_ms), months))
    if obligation.meaning == "not_before" and "T" not in obligation.duration:
        return _after_whole_days(milliseconds // DAY, started_ms)
    return started_ms + milliseconds


def _after_whole_days(days: int, started_ms: int) -> int:
    """When days have ended everywhere in the Union (Regulation 1182/71, art. 3(1), (2)(b) and (4)).

    Elapsed days end up to a day and a half earlier: safe for a deadline, too early for a wait. The day of the event
    does not count, the last day ends with its last hour, and one that is a Saturday or Sunday gives way to Monday.
    Public holidays are not known here: what is published says so.
    """
    last = from_epoch_ms(started_ms).astimezone(_EASTERNMOST).date() + days * _DAY
    while last.isoweekday() >= _SATURDAY:
        last += _DAY
    return epoch_ms(datetime.combine(last + _DAY, time(), _WESTERNMOST))


def _after_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def _after_business_days(
    obligation: Obligation, days: int, started_ms: int, calendars: Mapping[str, HolidayCalendar]
) -> int:
    calendar = calendars.get(obligation.holiday_calendar or "")
    if calendar is None:
        raise UnknownDays(f"{obligation.id}: has no holiday calendar")
    # Time zone rules come with Python or the host: the only input here that is not part of the registry.
    zone = ZoneInfo(calendar.time_zone)
    day = from_epoch_ms(started_ms).astimezone(zone).date()
    while days:
        day += _DAY
        if day > calendar.known_until:
            raise UnknownDays(f"{calendar.id} covers days up to {calendar.known_until} only")
        days -= day.isoweekday() not in calendar.weekend and day not in calendar.holidays
    return epoch_ms(datetime.combine(day + _DAY, time(), zone))
