"""Lag in records and in seconds, and how long a partition with waiting records has made no progress."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from streams.running.cycle.lag import SourceLag
from streams.running.operations.standstill import MOST_BETWEEN_SAMPLES


class Lag(NamedTuple):
    """Lag of a partition of a topic. `stalled`: seconds without progress although records are waiting."""

    topic: str
    partition: int
    records: int
    seconds: float
    stalled: float


_NOWHERE = -1


@dataclass(slots=True)
class _Seen:
    next_offset: int
    caught_up_at: float | None = None
    stalled: float = 0.0


class LagWatch:
    """Computes the lags whenever `sample` is called, which must be about once a second.

    `silence`: for how many seconds the lag of every owned partition has been unknown; 0 if none is owned.
    """

    def __init__(
        self,
        source_lags: Callable[[], Iterable[SourceLag]],
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source_lags = source_lags
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._sampled_at = monotonic()
        self._seen: dict[tuple[str, int], _Seen] = {}
        self.silence = 0.0

    def sample(self, *, restoring: bool = False) -> list[Lag]:
        """The lags now. While `restoring` nothing can be applied, so that time does not count as stalled."""
        now = self._monotonic()
        passed = 0.0 if restoring else min(now - self._sampled_at, MOST_BETWEEN_SAMPLES)
        self._sampled_at = now
        owned = list(self._source_lags())
        sources = [source for source in owned if source.records is not None]
        self.silence = self.silence + passed if owned and not sources else 0.0
        before, self._seen = self._seen, {}
        for source in owned:
            place = source.topic, source.partition
            if source.records is None and place in before:
                # Once the brokers answer again, the time of the last catch-up is still valid; the stalled
                # time is not.
                self._seen[place] = _Seen(_NOWHERE, before[place].caught_up_at)
        return [self._lag(source, before.get((source.topic, source.partition)), passed) for source in sources]

    def _lag(self, source: SourceLag, seen: _Seen | None, passed: float) -> Lag:
        now = self._wall_clock()
        if seen is None:
            seen = _Seen(source.next_offset)
        elif source.next_offset != seen.next_offset or not source.readable:
            seen.next_offset = source.next_offset
            seen.stalled = 0.0
        else:
            seen.stalled += passed
        self._seen[source.topic, source.partition] = seen
        if not source.records:
            seen.caught_up_at = now
            return Lag(source.topic, source.partition, 0, 0.0, 0.0)
        # The oldest waiting record was appended after the last one applied, and after the last time none was
        # waiting. Without the second bound, one record after a quiet hour would look like a lag of an hour.
        applied = source.applied_append_time
        known = [
            time
            for time in (seen.caught_up_at, None if applied is None else applied / 1000)
            if time is not None
        ]
        seconds = max(0.0, now - max(known)) if known else 0.0
        return Lag(source.topic, source.partition, source.records or 0, seconds, seen.stalled)
