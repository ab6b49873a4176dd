"""Who waits for whom: decided from what the workers say, and from nothing else.

All times of a clock are in ms since the epoch, those called `now` in seconds of `time.monotonic`.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.running.alignment.limits import (
    ANSWER_SECONDS,
    LIVE_MS,
    PATIENCE_SECONDS,
    REACH_MS,
    SILENCE_SECONDS,
    SPAN_MS,
    STILL_SECONDS,
)
from streams.running.alignment.progress_row import ProgressRow

_NEVER = float("-inf")


class Least(NamedTuple):
    """The partition that is furthest behind of those that are waited for, and its frontier."""

    partition: int
    frontier: int


class _Row(NamedTuple):
    """What a row says that is not confirmed yet: reports read before it may still be on their way."""

    number: int
    frontiers: Mapping[int, int]
    heard_at: float


class Fleet:
    """What a worker knows of the sources of all partitions.

    A frontier of a partition is *confirmed* when all that was read up to it has passed the relays: the
    internal topic through which reports reach their channels. Frontiers only grow, and stay true whoever owns
    the partition.
    """

    def __init__(self, partitions: int, *, has_relays: bool) -> None:
        self.given_up: set[int] = set()
        self._partitions = partitions
        self._has_relays = has_relays
        self._frontiers: dict[int, int] = {}
        self._moved_at: dict[int, float] = {}
        self._left_out: set[int] = set()
        self.confirmed: dict[int, int] = {}
        self._rows: deque[_Row] = deque()
        # Of each relay: the row that it has seen, and what its worker last said, and when that changed.
        self._seen: dict[int, int] = {}
        self._relayed: dict[int, tuple[int | None, int]] = {}
        self._relay_moved_at: dict[int, float] = {}
        # When a row last said `behind`, and since when somebody has said so without a pause.
        self._behind_at = _NEVER
        self._since = _NEVER
        # The waiting for each partition and relay that counts, and where it began.
        self._waited: dict[tuple[str, int], float] = defaultdict(float)
        self._given_up_relays: set[int] = set()
        self._mark: tuple[int, float] | None = None
        self._counted_at = _NEVER
        # Who is waited for, and up to where the confirmed frontiers of these reach, each for one moment.
        self._kept_awaited: tuple[float, list[int]] | None = None
        self._kept_order: tuple[list[int], Mapping[int, int], list[int] | None] | None = None

    def hear(self, number: int, row: ProgressRow, now: float, clock: int) -> None:
        """Take a row into account; `number` is larger than that of any row before it."""
        self.note(row, now, clock)
        self._rows.append(_Row(number, row.frontiers, now))
        for relay in row.relays:
            if row.seen is not None and row.seen > self._seen.get(relay, -1):
                self._seen[relay] = row.seen
            said = row.seen, row.relayed
            if self._relayed.get(relay) != said:
                self._relayed[relay] = said
                self._relay_moved_at[relay] = now

    def note(self, row: ProgressRow, now: float, clock: int) -> None:
        """Take what a worker says of its sources into account, without what that confirms."""
        if row.behind:
            if not self.is_catching_up(now):
                self._begin(now)
            self._behind_at = max(self._behind_at, now)
        if row.frontiers or row.left_out:
            self._kept_awaited = None
        for partition, frontier in row.frontiers.items():
            before = self._frontiers.get(partition, -1)
            if frontier > before or frontier >= clock - LIVE_MS or partition in row.held:
                self._moved_at[partition] = now
            self._frontiers[partition] = max(before, frontier)
            self._left_out.discard(partition)
        self._left_out.update(row.left_out)

    def seen_by_relays(self, now: float) -> Mapping[int, int]:
        """Return the frontiers of the rows that all relays have seen, each row once: for `confirm`."""
        found: dict[int, int] = {}
        if self._rows:
            newest = self._rows[-1].number
            seen = min((self._seen.get(relay, -1) for relay in self._relays(now)), default=newest)
            while self._rows and self._rows[0].number <= seen:
                found.update(self._rows.popleft().frontiers)
        return found

    def confirm(self, frontiers: Mapping[int, int]) -> None:
        """Note that all that was read up to these frontiers has passed the relays."""
        # Whoever holds what was confirmed before keeps that.
        self.confirmed = self.confirmed | {
            partition: frontier
            for partition, frontier in frontiers.items()
            if frontier > self.confirmed.get(partition, -1)
        }

    def is_catching_up(self, now: float) -> bool:
        """Return whether a source of any worker is behind."""
        return now - self._behind_at <= ANSWER_SECONDS

    def until(
        self, frontier: int | None, read: int, confirmed: Mapping[int, int], now: float, clock: int
    ) -> int | None:
        """Return up to which event time a source may be read; None for any.

        Its `frontier` may be the time of a record at its head; `read` is the time of the one before that. The
        head may be of days later, after a quiet time, and what others have of these days comes before it.
        `confirmed` are the confirmed frontiers that count for it. The limit is 0 while it is not known. A
        source whose frontier is None was not read yet: with 0 the stage tells its first event time, and reads
        nothing.
        """
        if frontier is None:
            return 0
        if frontier >= clock - LIVE_MS:
            return None
        self.note(ProgressRow(behind=True), now, clock)
        reached = self._in_order(confirmed, now)
        if reached is None:
            return 0
        place = bisect_left(reached, read - REACH_MS)
        return None if place == len(reached) else reached[place] + SPAN_MS

    def least(self, now: float) -> Least | None:
        """Return the partition that is furthest behind of all that are waited for, however far that is.

        None if nobody is waited for. The frontier is 0 of one of which nothing is known yet.
        """
        confirmed = self.confirmed
        partition = min(self._awaited(now), key=lambda each: confirmed.get(each, 0), default=None)
        return None if partition is None else Least(partition, confirmed.get(partition, 0))

    def count_waiting(self, now: float) -> int | None:
        """Count how long the fleet waits for the one that holds it up.

        Call it several times a second while the fleet catches up. Return the number of a partition that was
        waited for long enough: from now on it is not waited for until the fleet has caught up.
        """
        passed, self._counted_at = now - self._counted_at, now
        least = self.least(now)
        if least is None:
            self._mark = None
            return None
        frontier = least.frontier
        if self._mark is None or frontier < self._mark[0] or frontier >= self._mark[0] + SPAN_MS:
            self._mark = frontier, now
        if now - self._mark[1] <= STILL_SECONDS:
            return None
        relay = self._slowest_relay(now)
        who = ("source", least.partition) if relay is None else ("relay", relay)
        self._waited[who] += min(passed, STILL_SECONDS)
        if self._waited[who] <= PATIENCE_SECONDS:
            return None
        (self.given_up if relay is None else self._given_up_relays).add(who[1])
        self._kept_awaited = None
        return who[1]

    def left_out(self, now: float) -> Collection[int]:
        """Return the partitions that nobody waits for."""
        return sorted(set(range(self._partitions)).difference(self._awaited(now)))

    def _begin(self, now: float) -> None:
        """Begin to catch up: nobody was silent before, and nobody was waited for."""
        self._since = now
        self._kept_awaited = None
        self.given_up.clear()
        self._given_up_relays.clear()
        self._waited.clear()
        self._mark = None
        self._counted_at = now

    def _awaited(self, now: float) -> list[int]:
        """Return the partitions that are waited for.

        Asked for each source of a worker, in a fleet with a thousand partitions: so it is found once for all.
        """
        if self._kept_awaited is None or self._kept_awaited[0] != now:
            everybody = now - self._since <= SILENCE_SECONDS
            moved, left_out, given_up = self._moved_at, self._left_out, self.given_up
            self._kept_awaited = (
                now,
                [
                    each
                    for each in range(self._partitions)
                    if (everybody or now - moved.get(each, _NEVER) <= SILENCE_SECONDS)
                    and each not in left_out
                    and each not in given_up
                ],
            )
        return self._kept_awaited[1]

    def _in_order(self, confirmed: Mapping[int, int], now: float) -> list[int] | None:
        """Return the confirmed frontiers of those who are waited for; None if one is not known."""
        waited = self._awaited(now)
        kept = self._kept_order
        if kept is None or kept[0] is not waited or kept[1] is not confirmed:
            known = [confirmed[each] for each in waited if each in confirmed]
            known.sort()
            kept = self._kept_order = waited, confirmed, known if len(known) == len(waited) else None
        return kept[2]

    def _relays(self, now: float) -> list[int]:
        if not self._has_relays:
            return []
        return [
            relay
            for relay in range(self._partitions)
            if relay not in self._given_up_relays
            and now - max(self._relay_moved_at.get(relay, _NEVER), self._since) <= SILENCE_SECONDS
        ]

    def _slowest_relay(self, now: float) -> int | None:
        """Return the relay that holds up what was said long ago, if one does."""
        if not self._rows or now - self._rows[0].heard_at <= STILL_SECONDS:
            return None
        return min(self._relays(now), key=lambda relay: self._seen.get(relay, -1), default=None)
