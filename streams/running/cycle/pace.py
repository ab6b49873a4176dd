"""How far apart cycles begin."""

import time

# A transaction costs this process and the brokers some milliseconds whatever its size, so more records in
# fewer transactions cost less. 25 ms adds half of that to the latency of a report on average; with 10 ms the
# CPU time at 1,000 reports a second rises by a quarter, and with none the next transaction meets the markers
# of the last and waits longer.
PACE_SECONDS = 0.025

# A slow broker gets more time, up to this.
LONGEST_SECONDS = 0.5


class Pace:
    """Keeps cycles PACE_SECONDS apart, or twice as long as the last transaction took.

    After a pause there is no wait.
    """

    def __init__(self) -> None:
        self._began = self._ended = float("-inf")
        self._transaction_seconds = 0.0

    def wait_seconds(self) -> float:
        """How long to wait before the next cycle."""
        now = time.monotonic()
        pace = min(max(PACE_SECONDS, 2 * self._transaction_seconds), LONGEST_SECONDS)
        if now - self._ended > pace:
            return 0.0
        return max(0.0, self._began + pace - now)

    def begin(self) -> None:
        """Note that a cycle begins."""
        self._began = time.monotonic()

    def end(self, transaction_seconds: float) -> None:
        """Note that its transaction is committed, and how long that took."""
        self._ended = time.monotonic()
        self._transaction_seconds = transaction_seconds
