"""Times as mergeable histograms: each time is rounded by less than 1 %, and equal ones are counted.

Rounded times are the buckets of a histogram: histograms of several partitions and days are added up by adding
the counts of equal times, and a time can be taken back. Rounding keeps the seven leading binary digits, as
HDR histograms do: whole numbers only, so that every machine rounds alike.
"""

from collections.abc import Mapping
from typing import Final

# With seven digits a bucket is at most 1/64 of its times wide, and its middle at most 1/128 (0.8 %) from each
# of them.
_DIGITS: Final = 7


def rounded_time(seconds: int) -> int:
    """Return the middle of the bucket of a time: exact below 128 s. A negative time is 0."""
    if seconds < 1 << _DIGITS:
        return max(seconds, 0)
    dropped = seconds.bit_length() - _DIGITS
    return (seconds >> dropped << dropped) + (1 << dropped - 1)


def median_time(counts: Mapping[int, int]) -> float | None:
    """Return the median of times with how often each occurs; None without any.

    Of an even number, the mean of the middle two.
    """
    total = sum(counts.values())
    if total <= 0:
        return None
    passed = 0
    lower: int | None = None
    for seconds, count in sorted(counts.items()):
        passed += count
        if lower is None and passed >= (total + 1) // 2:
            lower = seconds
        if passed >= total // 2 + 1:
            assert lower is not None
            return (lower + seconds) / 2
    return None
