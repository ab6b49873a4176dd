"""Every row of law with a time, against a count written from the articles: never kept shorter, never done
later.

The count knows nothing of `streams.deciding.law`: it walks through named days in a time zone, with the public
holidays of Belgium, where the platform of the registry has its representative, computed from the law for any
year.
"""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.deciding.law.deadlines import deadline
from streams.registry.obligation import Obligation
from tests.belgian_holidays import holidays_of_belgium
from tests.shipped import RULES

ROWS = [row for row in RULES.obligations if row.duration is not None]
KEPT = [row for row in ROWS if row.meaning == "retention"]
WITHIN = [row for row in ROWS if row.meaning == "deadline"]

# The zones in which somebody may count the days of a law. A row with days in another jurisdiction needs its
# zones here.
ZONES = {
    "EU": (
        "Europe/Brussels", "Europe/Athens", "Europe/Helsinki", "Europe/Dublin", "Europe/Lisbon",
        "Atlantic/Madeira", "Atlantic/Azores", "Atlantic/Canary", "America/Martinique", "America/Cayenne",
        "Indian/Reunion", "Indian/Mayotte",
    ),
    "BR": ("America/Noronha", "America/Sao_Paulo", "America/Manaus", "America/Rio_Branco"),
    "CA": ("America/St_Johns", "America/Toronto", "America/Vancouver", "America/Whitehorse"),
    "DE": ("Europe/Berlin",),
    "GB": ("Europe/London",),
    "ID": ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"),
    "IN": ("Asia/Kolkata",),
    "JP": ("Asia/Tokyo",),
    "SG": ("Asia/Singapore",),
    "TW": ("Asia/Taipei",),
    "US": ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "Pacific/Guam", "Pacific/Pago_Pago"),
}  # fmt: skip


def days_after(event: date) -> Iterator[date]:
    """Art. 3(1): the day on which the event occurs is not part of the period."""
    day = event
    while True:
        day = date.fromordinal(day.toordinal() + 1)
        yield day


def last_day(row: Obligation, event: date) -> date:
    """Art. 3(2)(b): the last of so many days. Art. 3(2)(c): the same date, or the last day of a month without
    it.
    """
    number, unit = int(str(row.duration)[1:-1]), str(row.duration)[-1]
    if unit == "D":
        days = days_after(event)
        return [next(days) for _ in range(number)][-1]
    assert unit in "MY", row.duration
    year, month = event.year, event.month
    for _ in range(number * (12 if unit == "Y" else 1)):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(event.day, calendar.monthrange(year, month)[1]))


def count(row: Obligation, started: datetime, zone: str) -> datetime:
    """When the time of a row ends in a zone by the articles: of Union law by Regulation (EEC, Euratom) No
    1182/71.
    """
    if "T" in str(row.duration):
        return started + timedelta(hours=int(str(row.duration)[2:-1]))
    local = started.astimezone(ZoneInfo(zone))
    last = last_day(row, local.date())
    if row.jurisdiction == "EU":
        # Art. 3(4): a public holiday, a Sunday or a Saturday gives way to the next working day.
        while last.strftime("%a") in ("Sat", "Sun") or last in holidays_of_belgium(last.year):
            last = next(days_after(last))
    # The expiry of the last hour of the last day.
    return datetime.combine(next(days_after(last)), time(0), ZoneInfo(zone)).astimezone(UTC)


def end(row: Obligation, started: datetime) -> datetime:
    begun = (started - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=deadline(row, begun, RULES.calendars))


def by_id(rows: list[Obligation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in rows])


def moments(first: int) -> st.SearchStrategy[datetime]:
    """Any millisecond of the years from `first` on, and more often those around which a day begins or ends
    somewhere.
    """
    days = st.dates(date(first, 1, 1), date(2033, 1, 1))
    around_midnight = st.builds(
        lambda day, hour, minute: datetime.combine(day, time(hour, minute, 59, 999_000), UTC),
        days,
        st.sampled_from([3, 9, 11, 19, 20, 21, 22, 23]),
        st.sampled_from([0, 29, 30, 59]),
    )
    anywhere = st.builds(
        lambda day, ms: datetime.combine(day, time(), UTC) + timedelta(milliseconds=ms),
        days,
        st.integers(0, 86_399_999),
    )
    return anywhere | around_midnight


@by_id(KEPT)
@settings(max_examples=150)
@given(started=moments(2026))
# The registry's calendars are those of 2026 and 2027, and what is received now may have to be kept for five
# years. Sixty days that end on Easter Monday 2028, and six months that end on Christmas Day 2028, both beyond
# the calendars.
@example(started=datetime(2028, 2, 17, 12, tzinfo=UTC))
@example(started=datetime(2028, 6, 25, 12, tzinfo=UTC))
@example(started=datetime(2026, 8, 31, 21, 59, 59, 999_000, tzinfo=UTC))
def test_nothing_is_kept_shorter_than_the_law_counts(row: Obligation, started: datetime) -> None:
    kept_until = end(row, started)
    wanted = {zone: count(row, started, zone) for zone in ZONES[row.jurisdiction]}
    early = {zone: until for zone, until in wanted.items() if kept_until < until}
    assert not early, f"{row.id} from {started} is kept until {kept_until} only"
    # And not for ever: what the law allows to delete is deleted within some days.
    assert kept_until - max(wanted.values()) <= timedelta(days=14)


@by_id(WITHIN)
@settings(max_examples=150)
@given(started=moments(2021))
# Summer time begins on 28 March 2021 in Germany, and on 26 March 2028 in the Union: the last day ends an hour
# early.
@example(started=datetime(2021, 3, 21, 22, 59, 59, 999_000, tzinfo=UTC))
@example(started=datetime(2028, 3, 16, 22, 59, 59, 999_000, tzinfo=UTC))
def test_nothing_is_due_later_than_the_law_counts(row: Obligation, started: datetime) -> None:
    due = end(row, started)
    zones = ("UTC",) if "T" in str(row.duration) else ZONES[row.jurisdiction]
    wanted = {zone: count(row, started, zone) for zone in zones}
    late = {zone: until for zone, until in wanted.items() if due > until}
    assert not late, f"{row.id} from {started} is due at {due}"
