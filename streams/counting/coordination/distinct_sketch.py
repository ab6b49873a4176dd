"""About how many different hashes there were, from the smallest (KMV; Bar-Yossef et al., RANDOM 2002)."""

from bisect import insort
from typing import Final

# The relative standard error is 1 / sqrt(k - 2): 6 %, enough for a limit that is itself a rule of thumb.
KEPT: Final = 256


def note(smallest: list[int], hashed: int) -> bool:
    """Add a hash, uniform in [0, 2**64), to the sorted list of the smallest ones; return if that changed."""
    full = len(smallest) == KEPT
    if (full and hashed >= smallest[-1]) or hashed in smallest:
        return False
    if full:
        smallest.pop()
    insort(smallest, hashed)
    return True


def estimate(smallest: list[int]) -> int:
    """Return the number of different hashes: exact below KEPT, an estimate from there on."""
    if len(smallest) < KEPT:
        return len(smallest)
    return ((KEPT - 1) << 64) // smallest[-1]
