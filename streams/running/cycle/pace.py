"""How far apart cycles begin, and when to fetch for them."""

import time

# A transaction costs this process and the brokers some milliseconds whatever its size, so more records in
# fewer transactions cost less. 25 ms adds half of that to the latency of a report on average; with 10 ms the
# CPU time at 1,000 reports a second rises by a quarter, and with none the next transaction meets the markers
# of the last and waits longer.
PACE_SECONDS = 0.025

# A worker with little to do takes more time, since a cycle of few reports costs a core as much as one of
# thirty: some 8 ms. At 100 reports a second with 4 partitions, 100 ms are 13 % of a core, and a median of 79
# ms until a report is through; these are 10.5 %, and 107 ms; 200 ms would be 9.3 %, and 136 ms. At the rate
# below a cycle has thirty.
FEW_PER_SECOND = 200
SECONDS_WITH_FEW = 0.15

# A slow broker gets more time, up to this.
LONGEST_SECONDS = 0.5

# How long before a cycle begins to fetch for it. On one machine what was fetched is there after 3 ms.
FETCH_SECONDS = 0.005


class Pace:
    """Keeps cycles PACE_SECONDS apart, or twice as long as the last transaction took.

    SECONDS_WITH_FEW while records come at less than FEW_PER_SECOND. After a pause there is no wait.
    """

    def __init__(self) -> None:
        self._per_second = 0.0
        self._began = self._ended = float("-inf")
        self._transaction_seconds = 0.0

    def wait_seconds(self) -> float:
        """How long to wait before the next cycle."""
        now, pace = time.monotonic(), self._pace_seconds()
        if now - self._ended > pace:
            return 0.0
        return max(0.0, self._began + pace - now)

    def fetch_seconds(self, fetched_at: float) -> float:
        """How long to wait before the next fetch, after one that brought records, a time of `time.monotonic`.

        Until shortly before the cycle after the one of those records. With an interval of its own a fetch
        would let records wait here, and then for a cycle. Ask again after it: that cycle may begin late.
        """
        pace = self._pace_seconds()
        begins = self._began if self._began >= fetched_at else max(fetched_at, self._began + pace)
        return max(0.0, begins + pace - FETCH_SECONDS - time.monotonic())

    def begin(self, records: int) -> None:
        """Note that a cycle of so many records begins."""
        now = time.monotonic()
        # One small cycle between large ones, of what a fetch had left, is no reason to wait.
        self._per_second = max(records / max(now - self._began, PACE_SECONDS), self._per_second / 2)
        self._began = now

    def end(self, transaction_seconds: float) -> None:
        """Note that its transaction is committed, and how long that took."""
        self._ended = time.monotonic()
        self._transaction_seconds = transaction_seconds

    def _pace_seconds(self) -> float:
        pace = SECONDS_WITH_FEW if self._per_second < FEW_PER_SECOND else PACE_SECONDS
        return min(max(pace, 2 * self._transaction_seconds), LONGEST_SECONDS)
