"""How much a reporter does: reports per day, and different channels per week."""

import math
from functools import lru_cache
from typing import Final

import msgspec

from streams.contract.wire.times import DAY

# Linear counting (Whang et al., TODS 1990): a channel sets one of 128 bits, and the number of bits left says
# how many different ones there were. At 60 channels the standard error is 5, at 400 it is 70.
_BITS: Final = 128
_BYTES: Final = _BITS // 8
DAYS_PER_WEEK: Final = 7


class Activity(msgspec.Struct, array_like=True, gc=False):
    """`reports` of `day`; `channels` as bits of the week of that day.

    `shown`: this week a person was asked to look.
    """

    day: int = 0
    reports: int = 0
    channels: bytes = b""
    shown: bool = False

    def note(self, time_ms: int, channel: int) -> int:
        """Add a report about a channel, a keyed hash; return the bits that are set, for `show_once`.

        `time_ms` is the partition's time, which never goes back.
        """
        day = time_ms // DAY
        if day > self.day:
            if day // DAYS_PER_WEEK > self.day // DAYS_PER_WEEK:
                self.channels = b""
                self.shown = False
            self.day = day
            self.reports = 0
        self.reports += 1
        before = int.from_bytes(self.channels, "little")
        seen = before | 1 << channel % _BITS
        if seen != before:
            self.channels = seen.to_bytes(_BYTES, "little")
        return seen.bit_count()

    def over_limit(self, limit: int | None) -> bool:
        """Tell whether the report that was noted last is beyond the limit of the day."""
        return limit is not None and self.reports > limit

    def channels_this_week(self) -> int:
        """Return about how many different channels the reporter reported this week."""
        return channels_of(int.from_bytes(self.channels, "little").bit_count())

    def show_once(self, limit: int | None, bits: int) -> bool:
        """Tell whether a person should look now: the limit is reached, for the first time this week.

        `bits` are of `note`.
        """
        if self.shown or limit is None or bits < bits_of(limit):
            return False
        self.shown = True
        return True


def channels_of(bits: int) -> int:
    """Return about how many channels set so many bits."""
    return CHANNELS[bits]


CHANNELS: Final = tuple(round(_BITS * math.log(_BITS / max(_BITS - bits, 1))) for bits in range(_BITS + 1))
"""By bits, the channels: a logarithm for each report would take longer than all else here."""


@lru_cache(maxsize=64)
def bits_of(limit: int) -> int:
    """Return how many bits are set from `limit` channels on."""
    return next(bits for bits in range(_BITS + 1) if CHANNELS[bits] >= limit or bits == _BITS)
