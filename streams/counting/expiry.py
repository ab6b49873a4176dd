"""When state records expire: the day in the bytes of each, and how many there are for each day."""

import struct
from typing import Final

# The day of expiry follows the record's bytes, so that neither a restore nor forgetting need decode them.
EXPIRY_DAY: Final = struct.Struct(">I")


def day_in(value: bytes | memoryview) -> int:
    """Return the day of expiry (days since the epoch) in the bytes of a record."""
    day: int = EXPIRY_DAY.unpack_from(value, len(value) - EXPIRY_DAY.size)[0]
    return day


class ExpiryDays:
    """The number of records that expire on each day (days since the epoch).

    Which these are is in their bytes: sets of their keys would take as much memory as the records.
    """

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, int] = {}

    def move(self, old: int | None, new: int | None) -> None:
        """Count that a record of day `old` expires on day `new`; None if it did not exist, or is removed."""
        days = self._days
        if new is not None:
            days[new] = days.get(new, 0) + 1
        if old is not None:
            days[old] -= 1
            if not days[old]:
                del days[old]

    def earliest(self) -> int | None:
        """Return the first day on which a record expires; None without records."""
        return min(self._days, default=None)

    def latest(self) -> int | None:
        """Return the last day on which a record expires; None without records."""
        return max(self._days, default=None)
