"""Units of time, and times as milliseconds since the epoch."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# The most by which the clocks of a broker and of a worker may differ. Clocks that NTP keeps differ by
# milliseconds, and a clock that runs free by a second a day, so a difference of five minutes means that one
# of them is wrong. A report may be as much ahead of the broker (`reading.MAX_AHEAD_MS`). So time that correct
# clocks measure is never more than ten minutes ahead of any of them.
MAX_CLOCK_DIFFERENCE_MS: Final = 5 * MINUTE

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_Day = TypeVar("_Day", bound=date)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down; `moment` must have a time zone."""
    return (moment - EPOCH) // _MILLISECOND


def moment_ms(moment: str) -> int:
    """Milliseconds since the epoch of a time that Tocsin published, such as `2026-09-21T14:15:00.000Z`."""
    return epoch_ms(datetime.fromisoformat(moment))


def from_epoch_ms(time_ms: int) -> datetime:
    """Convert milliseconds since the epoch to a datetime in UTC."""
    return EPOCH + time_ms * _MILLISECOND


def midnight_ms(day: date) -> int:
    """When a UTC day begins, in milliseconds since the epoch."""
    return epoch_ms(datetime.combine(day, time(), UTC))


def months_later(day: _Day, months: int) -> _Day:
    """Return the same day some months later, or a short month's last day (Regulation 1182/71, art. 3)."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
