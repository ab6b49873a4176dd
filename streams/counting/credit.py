"""What an outcome changes for one reporter of a message."""

from typing import NamedTuple

from streams.counting.confirmation import UNSUPPORTED, Support
from streams.counting.known_outcome import Counted, KnownOutcome


class Credit(NamedTuple):
    """What changes for one reporter: `removed` no longer counts, `added` does, each with what supports it.

    Both are None for a report that came too late. `standing` is the decision that holds: an upheld message is
    no sign of coordination, for any reporter at any time. `anew`: another one held before. `told`: what holds
    is new to the reporter, and not only decided by a second person too. `received_s` is in seconds since the
    epoch.
    """

    reporter: int
    received_s: int
    standing: KnownOutcome
    removed: Counted | None
    added: Counted | None
    anew: bool
    told: bool = True
    removed_support: Support = UNSUPPORTED
    added_support: Support = UNSUPPORTED


def too_late(reporter: int, received_s: int, standing: KnownOutcome) -> Credit:
    """Return what tells somebody of a decision that does not count for them: their report came after it."""
    return Credit(reporter, received_s, standing, None, None, anew=False)
