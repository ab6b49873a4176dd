"""The clocks that the law arms for the tests' traffic, written from legal sources, not the registry."""

from calendar import monthrange
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tests.belgian_holidays import holidays_of_belgium

HOUR = 3_600_000
DAY = 24 * HOUR

INTIMATE = frozenset({"ncii", "ncii_deepfake"})
# The categories in the traffic that the proviso to r. 3(2)(a)(i) of India's IT Rules names.
SPECIFIED = frozenset({"csam", "ncii_deepfake", "threat_to_life", "terrorism", "fraud", "hate", "harassment"})
IN_FORM = frozenset({"explanation", "location", "identity", "contact"})


@dataclass(frozen=True, slots=True)
class ReportClock:
    """A clock that a report with all `elements` arms.

    Empty `categories` means every category. `length` is in ms.
    """

    obligation: str
    country: str
    kinds: frozenset[str]
    categories: frozenset[str]
    elements: frozenset[str]
    length: int
    since: date
    until: date = date.max


VICTIM = frozenset({"statutory_victim_request"})
# A victim's request and a trusted flagger's notice also count as a user's notice.
ANY_NOTICE = frozenset({"user_report", "trusted_flagger_notice", "statutory_victim_request"})

REPORT_CLOCKS = (
    # TAKE IT DOWN Act (Pub. L. 119-12) s. 3: a signed request, 48 hours; platforms had a year from 2025-05-19
    # on.
    ReportClock(
        "US.take-it-down.s3", "US", VICTIM, INTIMATE,
        frozenset({"signature", "location", "good_faith", "contact"}), 48 * HOUR, date(2026, 5, 19),
    ),
    # Online Safety Act 2023 s. 10(3A), inserted by the Crime and Policing Act 2026 (S.I. 2026/689): 48 hours.
    ReportClock(
        "GB.osa.s10-3A", "GB", VICTIM, INTIMATE,
        frozenset({"subject_or_authorised", "location", "good_faith", "contact", "intimate_image_content"}), 48 * HOUR,
        date(2026, 6, 29),
    ),
    # IT Rules 2021 r. 3(2)(b): 24 hours, two since the Amendment Rules 2026 (G.S.R. 120(E)) took effect on
    # 2026-02-20.
    ReportClock(
        "IN.itr.3-2-b", "IN", VICTIM, INTIMATE,
        frozenset({"subject_or_authorised", "location"}), 2 * HOUR, date(2026, 2, 20),
    ),
    ReportClock(
        "IN.itr.3-2-b.2021", "IN", VICTIM, INTIMATE,
        frozenset({"subject_or_authorised", "location"}), 24 * HOUR, date(2021, 2, 25), date(2026, 2, 19),
    ),
    # IT Rules 2021 r. 3(2)(a)(i): grievances, first 15 days, then 7; for the specified kinds first 72 hours,
    # then 36.
    ReportClock(
        "IN.itr.3-2-a", "IN", ANY_NOTICE, frozenset(), IN_FORM, 7 * DAY, date(2026, 2, 20),
    ),
    ReportClock(
        "IN.itr.3-2-a.specified", "IN", ANY_NOTICE, SPECIFIED | INTIMATE, IN_FORM, 36 * HOUR,
        date(2026, 2, 20),
    ),
    ReportClock(
        "IN.itr.3-2-a.2021", "IN", ANY_NOTICE, frozenset(), IN_FORM, 15 * DAY, date(2021, 2, 25),
        date(2026, 2, 19),
    ),
    ReportClock(
        "IN.itr.3-2-a.specified.2022", "IN", ANY_NOTICE, SPECIFIED | INTIMATE, IN_FORM, 72 * HOUR,
        date(2022, 10, 28), date(2026, 2, 19),
    ),
    # IT Rules 2021 r. 3(2)(a)(i): a grievance is acknowledged within 24 hours.
    ReportClock(
        "IN.itr.3-2-a.ack", "IN", ANY_NOTICE, frozenset(), IN_FORM, 24 * HOUR, date(2021, 2, 25),
    ),
    # Decree 12.976/2026 art. 7: two hours, of women only. Its art. 12 is for public content.
    ReportClock(
        "BR.d12976.art7-1", "BR", VICTIM, INTIMATE,
        frozenset({"subject_or_authorised", "location", "against_a_woman"}), 2 * HOUR, date(2026, 7, 20),
    ),
    # Online Safety Act 2021 (Cth) s. 65(1): the same for a child.
    ReportClock(
        "AU.osa.s65.complaint", "AU", ANY_NOTICE, frozenset({"harassment"}),
        frozenset({"explanation", "location", "contact"}), 48 * HOUR, date(2022, 1, 23),
    ),
    # Online Safety Act 2021 (Cth) s. 88(1)(d): the Commissioner may act once 48 hours have passed since a
    # complaint.
    ReportClock(
        "AU.osa.s88.complaint", "AU", ANY_NOTICE, frozenset({"harassment"}),
        frozenset({"explanation", "location", "contact"}), 48 * HOUR, date(2022, 1, 23),
    ),
)  # fmt: skip


def clocks_of_report(
    kind: str, category: str, countries: Collection[str], elements: Collection[str], received_ms: int
) -> dict[str, int]:
    """The deadline (ms) of each clock that a report arms, by obligation."""
    day = day_of(received_ms)
    return {
        clock.obligation: received_ms + clock.length
        for clock in REPORT_CLOCKS
        if clock.country in countries
        and kind in clock.kinds
        and (not clock.categories or category in clock.categories)
        and clock.elements <= set(elements)
        and clock.since <= day <= clock.until
    }


def day_of(time_ms: int) -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()


def after_whole_months(time_ms: int, months: int) -> int:
    """When the months have ended everywhere in the Union: with the same date, or the last day of a month
    without it.
    """
    event = _event_of_union(time_ms)
    year, month = divmod(event.year * 12 + event.month - 1 + months, 12)
    return _end_in_union(date(year, month + 1, min(event.day, monthrange(year, month + 1)[1])))


def after_whole_days(time_ms: int, days: int) -> int:
    """When the days have ended everywhere in the Union (Regulation 1182/71 art. 3)."""
    return _end_in_union(_event_of_union(time_ms) + timedelta(days=days))


def after_days_anywhere(time_ms: int, days: int) -> int:
    """When days of keeping something have ended wherever a day ends last; a weekend gives way to Monday."""
    last = day_of(time_ms + 14 * HOUR) + timedelta(days=days)
    while last.isoweekday() > 5:
        last += timedelta(days=1)
    return (last - date(1970, 1, 1)).days * DAY + DAY + 12 * HOUR


def _event_of_union(time_ms: int) -> date:
    """The day of the event, which does not count: that of Réunion."""
    return day_of(time_ms + 4 * HOUR)


def _end_in_union(last: date) -> int:
    """At midnight in Martinique. A weekend or a holiday of the representative's state gives way to a working
    day.
    """
    while last.isoweekday() > 5 or last in holidays_of_belgium(last.year):
        last += timedelta(days=1)
    return (last - date(1970, 1, 1)).days * DAY + DAY + 4 * HOUR
