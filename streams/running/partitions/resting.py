"""Sources of a partition that rest: they tripped the dead letter breaker, or operators paused them.

Everything else goes on meanwhile: the other sources of the partition, its ticks and clocks, and the other
partitions. What was fetched of a source at rest is dropped, and fetched again from the position when the rest
ends, so it takes no memory.
"""

import math
import time
from collections.abc import Collection, Mapping
from typing import Final

# How fast the refused records of a source that tripped the breaker go to dead-letters. 10,000 of them take a
# minute and a half, and the honest reports between them wait as long. A publisher that never stops makes some
# 9 million dead letters a day, a few gigabytes, so there is time for an operator to pause the source or to
# stop the publisher.
REFUSED_PER_SECOND: Final = 100


class RestingSources:
    """The sources of one partition that rest, by topic with prefix. Times are those of `time.monotonic`."""

    __slots__ = ("_delayed", "_ends", "_woken")

    def __init__(self) -> None:
        # When each rest ends; never for a source that operators have paused.
        self._ends: dict[str, float] = {}
        self._woken: set[str] = set()
        self._delayed: set[str] = set()

    def __contains__(self, topic: str) -> bool:
        return topic in self._ends

    def rest(self, tripped: Mapping[str, int], paused: Collection[str]) -> None:
        """Let `tripped` sources rest as long as their refused records demand, `paused` ones until resumed."""
        now = time.monotonic()
        for topic, refused in tripped.items():
            if refused:
                self._ends[topic] = max(self._ends.get(topic, 0), now + refused / REFUSED_PER_SECOND)
        for topic, end in self._ends.items():
            if end == math.inf and topic not in paused:
                self._ends[topic] = now
        self._ends.update(dict.fromkeys(paused, math.inf))

    def delay(self, seconds: Mapping[str, float]) -> None:
        """Let sources rest for so long before they are fetched again, which is no news for anybody."""
        now = time.monotonic()
        self._ends.update({topic: now + each for topic, each in seconds.items()})
        self._delayed.update(seconds)

    def reasons(self) -> dict[str, str]:
        """Return why each of them rests, `flood` or `paused`; without those that are only delayed."""
        return {
            topic: "paused" if end == math.inf else "flood"
            for topic, end in self._ends.items()
            if end == math.inf or topic not in self._delayed
        }

    def wake(self) -> list[str]:
        """End the rests that are over, and return their topics: fetch these again from the position."""
        now = time.monotonic()
        over = [topic for topic, end in self._ends.items() if end <= now]
        for topic in over:
            del self._ends[topic]
        self._woken.update(over)
        self._delayed.difference_update(over)
        return over

    def fetched_again(self, topic: str) -> None:
        """Note that a source is fetched again from the position on: what was fetched before may be left."""
        self._woken.add(topic)

    def takes(self, topic: str, begin: int, expected: int) -> bool:
        """Return whether to apply a range that begins at `begin`, where `expected` is the next offset.

        False for a source at rest, and for what was fetched before the end of its rest.
        """
        if topic in self._ends:
            return False
        if topic in self._woken:
            if begin > expected:
                return False
            self._woken.discard(topic)
        return True
