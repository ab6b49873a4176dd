"""When the time that a legal duty allows ends.

What must be done *within* a time never ends later here than the law counts; what must be kept (`meaning:
retention`), or must not be done before an end (`meaning: not_before`), never ends earlier.

A deadline of hours or days counts elapsed time, so that it needs no calendar. Rows may count otherwise
(`calendar`):

- `business_days`: only the working days of the row's holiday calendar. Without a calendar no clock runs.
- `regulation_1182_71`: as Regulation (EEC, Euratom) No 1182/71 counts the days of Union law. The day of the
  event does not count (art. 3(1)), a period ends with the last hour of its last day (art. 3(2)(b) and (c)),
  or with that of the next working day if the last day is a public holiday, a Saturday or a Sunday (art.
  3(4)), and a period of two days or more has at least two working days (art. 3(5)). A deadline still ends
  with the elapsed days; the end of the period is shown beside it.

Days to keep something, or to wait, are counted as that regulation does in every row: laws elsewhere leave out
the day of the event and end with a last day too, and where they do not move its end past a weekend, keeping
longer does no harm. The day of the event is taken where a day begins first, the end of the last day where it
ends last: in the Union for `regulation_1182_71`, on Earth for other rows, whose law may mean any zone of a
wide country.

A holiday that the calendar lacks lets a deadline end too early, which is its safe side, and so would a period
to keep something. So it also counts every day that may be a holiday, and beyond the calendar adds the longest
row of days off. A wait counts these days too, but adds nothing: its data are owed at its end. A holiday
decreed at short notice can still be missing. A person decides before acting on an end.
"""

from collections.abc import Mapping
from datetime import date, timedelta, timezone
from zoneinfo import ZoneInfo

from streams.contract.wire.times import DAY, epoch_ms, from_epoch_ms, months_later
from streams.deciding.law.calendar_days import (
    ONE_DAY,
    SATURDAY,
    UnknownDays,
    after_business_days,
    day_in,
    end_of,
    last_working_day,
)
from streams.registry.durations import parse_legal_duration
from streams.registry.obligation import Obligation
from streams.registry.rules import HolidayCalendar

# Saturdays, Sundays, public holidays and days that may be some follow each other for at most six days in the
# calendars of the Member States (a test counts them); one more for a decree.
_LONGEST_HOLIDAYS = 7 * DAY

# The zones in which a day begins first and ends last. Of the Union, whose law holds in its outermost regions
# (TFEU art. 355(1)): Réunion, and Martinique and Guadeloupe. Of the Earth: the Line Islands, and ships west
# of the date line.
_UNION = timezone(timedelta(hours=4)), timezone(timedelta(hours=-4))
_EARTH = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))

# The zones of Europe that lose an hour when summer time begins: so many elapsed days may then end after the
# last hour of the last day. No row of another country with summer time has a deadline in days.
_SUMMER_TIME = ("Europe/Athens", "Europe/Brussels", "Europe/Lisbon", "Atlantic/Azores")


def deadline(obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]) -> int:
    """The first millisecond (since the epoch) after the time of `obligation`, if it began at `started_ms`.

    Hours and the days of a deadline are elapsed time; its months and years follow the calendar in UTC: one
    month after 31 January is the last day of February. Days, months and years of a retention period or a wait
    end with their last hour, wherever it ends last. Business days end at midnight in the time zone of the
    row's holiday calendar. Raises UnknownDays if that calendar is missing or too short, and ValueError if the
    row has no duration, or business days that are not whole.
    """
    if obligation.duration is None:
        raise ValueError(f"{obligation.id} has no duration")
    months, milliseconds = parse_legal_duration(obligation.duration)
    if obligation.calendar == "business_days":
        calendar = _calendar(obligation, calendars)
        return after_business_days(calendar, _whole_days(obligation), started_ms)
    if "T" in obligation.duration:
        return started_ms + milliseconds
    if obligation.meaning != "deadline":
        return _not_early(obligation, started_ms, calendars)
    if months:
        return epoch_ms(months_later(from_epoch_ms(started_ms), months))
    zones = map(ZoneInfo, _SUMMER_TIME)
    ends = (end_of(_last_day(obligation, day_in(zone, started_ms)), zone) for zone in zones)
    return min(started_ms + milliseconds, *ends)


def period_end(
    obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]
) -> int | None:
    """The first millisecond after the period of `obligation` (Regulation 1182/71), begun at `started_ms`.

    None if no calendar covers the whole period, and for rows that count otherwise.
    """
    if obligation.calendar != "regulation_1182_71":
        return None
    try:
        calendar = _calendar(obligation, calendars)
        zone = ZoneInfo(calendar.time_zone)
        event = day_in(zone, started_ms)
        last = _last_day(obligation, event)
        return end_of(last_working_day(calendar, event, last, counts_possible=False), zone)
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


def _last_day(obligation: Obligation, event: date) -> date:
    """The last day of a period, of which the day of the event is no part."""
    months, _ = parse_legal_duration(obligation.duration or "")
    return months_later(event, months) if months else event + _whole_days(obligation) * ONE_DAY


def _not_early(obligation: Obligation, started_ms: int, calendars: Mapping[str, HolidayCalendar]) -> int:
    """When a period that must not end early is over, as far as is known."""
    of_union = obligation.calendar == "regulation_1182_71"
    begins_first, ends_last = _UNION if of_union else _EARTH
    event = day_in(begins_first, started_ms)
    last = _last_day(obligation, event)
    unknown = 0
    if of_union:
        try:
            calendar = _calendar(obligation, calendars)
            return end_of(last_working_day(calendar, event, last, counts_possible=True), ends_last)
        except UnknownDays:
            unknown = _LONGEST_HOLIDAYS if obligation.meaning == "retention" else 0
    while last.isoweekday() >= SATURDAY:
        last += ONE_DAY
    return end_of(last, ends_last) + unknown
