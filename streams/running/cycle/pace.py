"""How far apart cycles begin."""

import time

# A transaction costs this process and the brokers some milliseconds whatever its size, so more records in
# fewer transactions cost less. 25 ms adds half of that to the latency of a report on average; with 10 ms the
# CPU time at 1,000 reports a second rises by a quarter, and with none the next transaction meets the markers
# of the last and waits longer.
PACE_SECONDS = 0.025

# A worker with little to do takes more time, since a cycle of few reports costs a core as much as one of
# twenty: some 8 ms. At 100 reports a second that is 37 % of a core with 25 ms, and 24 % with 60.
FEW_RECORDS = 10
SECONDS_WITH_FEW = 0.06

# A slow broker gets more time, up to this.
LONGEST_SECONDS = 0.5


class Pace:
    """Keeps cycles PACE_SECONDS apart, or twice as long as the last transaction took.

    SECONDS_WITH_FEW after cycles with fewer than FEW_RECORDS. After a pause there is no wait.
    """

    def __init__(self) -> None:
        self._records = 0
        self._began = self._ended = float("-inf")
        self._transaction_seconds = 0.0

    def wait_seconds(self) -> float:
        """How long to wait before the next cycle."""
        now = time.monotonic()
        pace = SECONDS_WITH_FEW if self._records < FEW_RECORDS else PACE_SECONDS
        pace = min(max(pace, 2 * self._transaction_seconds), LONGEST_SECONDS)
        if now - self._ended > pace:
            return 0.0
        return max(0.0, self._began + pace - now)

    def collecting_seconds(self) -> float:
        """How long to let records come together before the next fetch.

        While the transactions are slow what was fetched only waits for the next one.
        """
        return min(max(PACE_SECONDS, self._transaction_seconds), LONGEST_SECONDS)

    def begin(self, records: int) -> None:
        """Note that a cycle of so many records begins."""
        self._began = time.monotonic()
        # One small cycle between large ones, of what a fetch had left, is no reason to wait.
        self._records = max(records, self._records // 2)

    def end(self, transaction_seconds: float) -> None:
        """Note that its transaction is committed, and how long that took."""
        self._ended = time.monotonic()
        self._transaction_seconds = transaction_seconds
