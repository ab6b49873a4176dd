"""For how long a number has stood still, as far as the process has lived through it."""

import time
from collections.abc import Callable

# Between two samples the worker may have been stopped by the kernel or a person; what it did not live through must not
# count as standing still. Two seconds are twice the usual distance.
MOST_BETWEEN_SAMPLES = 2.0


class Standstill:
    """Looks at a number whenever `sample` is called; that has to be about once a second."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sampled_at = monotonic()
        self._number: int | None = None
        self._still = 0.0

    def sample(self, number: int | None) -> float:
        """Seconds since the number changed; 0 while it is None: then nothing has to move."""
        now = self._monotonic()
        passed = min(now - self._sampled_at, MOST_BETWEEN_SAMPLES)
        self._sampled_at = now
        if number is None or number != self._number:
            self._number, self._still = number, 0.0
        else:
            self._still += passed
        return self._still
