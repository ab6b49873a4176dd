"""How surprising a number of reports is, given how many were expected.

If the rate of a channel is known as well as `shape` reports tell it, its number of reports in a window has a
Gamma-Poisson distribution, the negative binomial (M. Greenwood and G. U. Yule, 'An inquiry into the nature of
frequency distributions', Journal of the Royal Statistical Society 83, 1920). Surprise is the negative power
of ten of the probability that so many or more come.
"""

from math import comb
from typing import Final

MOST_SURPRISE: Final = 30
"""What is less probable than 1e-30 is not told apart."""

# Reports come in bursts: however long a channel was watched, its rate of the moment varies by a third
# (1 / sqrt(8)) around what is usual.
_LARGEST_SHAPE: Final = 8

# Beyond this, probabilities get too small for a float.
_MOST_REPORTS: Final = 1 << 20

_POWERS: Final = tuple(float(f"1e-{power}") for power in range(1, 10 * MOST_SURPRISE + 1))


def surprise_tenths(reports: int, mean: float, shape: int) -> int:
    """Return the surprise of `reports` or more where `mean` were expected, in whole tenths: 0 to 300.

    Without logarithms, of which the last bit may differ between machines: the tenth power of the probability
    is compared with powers of ten.
    """
    chance = chance_of(reports, mean, shape)
    tenth = _power(chance, 10)
    low, high = 0, len(_POWERS)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if tenth <= _POWERS[middle] else (low, middle)
    return low


def chance_of(reports: int, mean: float, shape: int) -> float:
    """Return the probability of `reports` or more.

    So many come before the shape-th of a series of failures exactly if fewer than `shape` of the first
    `reports + shape - 1` trials fail: a sum of as many terms of a binomial distribution, all positive.
    """
    if not reports:
        return 1.0
    shape, reports = min(shape, _LARGEST_SHAPE), min(reports, _MOST_REPORTS)
    trials = reports + shape - 1
    fails = shape / (mean + shape)
    comes = mean / (mean + shape)
    term = _power(comes, reports)
    total = 0.0
    for failures in range(shape - 1, -1, -1):
        total += comb(trials, failures) * _power(fails, failures) * term
        term *= comes
    return min(total, 1.0)


def _power(base: float, exponent: int) -> float:
    """Return a power by products alone."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result
