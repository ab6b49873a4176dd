"""Units of time, and times as milliseconds since the epoch."""

from datetime import UTC, datetime, timedelta
from typing import Final

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down; `moment` must have a time zone."""
    return (moment - EPOCH) // _MILLISECOND


def from_epoch_ms(time_ms: int) -> datetime:
    """Convert milliseconds since the epoch to a datetime in UTC."""
    return EPOCH + time_ms * _MILLISECOND
