"""How long a number has not changed, not counting time in which the process was paused."""

import time
from collections.abc import Callable

# Seconds. Between two samples the process may have been paused by the kernel or a person; that time must not
# count as a standstill. The limit is twice the usual interval.
MOST_BETWEEN_SAMPLES = 2.0


class IdleTime:
    """Tracks a number through `sample`, which must be called about once a second."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sampled_at = monotonic()
        self._number: int | None = None
        self._still = 0.0

    def sample(self, number: int | None) -> float:
        """Seconds since the number last changed; 0 while it is None, when no change is expected."""
        now = self._monotonic()
        passed = min(now - self._sampled_at, MOST_BETWEEN_SAMPLES)
        self._sampled_at = now
        if number is None or number != self._number:
            self._number, self._still = number, 0.0
        else:
            self._still += passed
        return self._still
