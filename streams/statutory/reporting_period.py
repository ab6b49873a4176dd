"""Reporting periods, and until when a report about one is published."""

import calendar
from datetime import date

import msgspec

from streams.contract.wire.times import months_later
from streams.statutory.provider import ProviderRole

# Implementing Regulation (EU) 2024/2835, Annex II, part I, 3: what happened before is reported without the
# templates, and the reports of very large services begin here.
TEMPLATES_FROM = date(2025, 7, 1)
# The first period of all others that is a calendar year; before it is the transitional cycle.
_YEARS_FROM = date(2026, 1, 1)

_HALF_YEARLY = ("vlop", "vlose")


class Period(msgspec.Struct, frozen=True):
    """A reporting period; both days belong to it."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}/{self.last}"

    @property
    def publish_until(self) -> date:
        """The last day of publication: two months after the end (Article 2 of the Regulation).

        Of a period that ends with a month, it is the end of a month.
        """
        ends_month = self.last.day == _days_of_month(self.last)
        until = months_later(self.last, 2)
        return until.replace(day=_days_of_month(until)) if ends_month else until


def _days_of_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def is_date(text: str) -> bool:
    """Tell whether a text is a day, written YYYY-MM-DD."""
    try:
        # fromisoformat() also reads 20261231 and 2026-W01-1.
        return str(date.fromisoformat(text)) == text
    except ValueError:
        return False


def parse_period(text: str) -> Period:
    """Read YYYY-MM-DD/YYYY-MM-DD. Raises ValueError if it is something else, or ends before it begins."""
    first, _, last = text.partition("/")
    if not (is_date(first) and is_date(last)):
        raise ValueError(f"{text!r} is not YYYY-MM-DD/YYYY-MM-DD")
    period = Period(date.fromisoformat(first), date.fromisoformat(last))
    if period.last < period.first:
        raise ValueError(f"{text!r} ends before it begins")
    return period


def lawful_period(day: date, role: ProviderRole) -> Period | None:
    """Give the period of a report that covers `day`; None if the law does not fix one.

    Very large services report half-yearly, all others yearly. Until the end of 2025 the period of the others
    depends on their first report.
    """
    if role in _HALF_YEARLY:
        if day < TEMPLATES_FROM:
            return None
        if day.month <= 6:
            return Period(date(day.year, 1, 1), date(day.year, 6, 30))
        return Period(date(day.year, 7, 1), date(day.year, 12, 31))
    return None if day < _YEARS_FROM else Period(date(day.year, 1, 1), date(day.year, 12, 31))
