"""The panes of a channel: each report is counted in one, and old panes are folded into coarser ones.

A channel has one list of panes, oldest first: five-minute panes for the time that the finest ring holds,
panes of an hour for what only the next ring holds, panes of a day for the rest. So a window is always the end
of the list, and a report is counted in one pane instead of one per ring. Folding depends on the pane of `now`
alone and gives the same panes in one step as in many.
"""

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import NamedTuple

from streams.counting.sums import Pane
from streams.counting.windows import FINE_PER_PANE, WindowSpec, held_from, window_start

START = attrgetter("start")


class RunningSum(Pane, gc=False):
    """The sum of all panes from `start` on, for windows that end at the fine index `since` or later.

    And before `until`. Derived, never persisted.
    """

    since: int = 0
    until: int = 0
    distinct: int = 0
    ring: int = 0
    panes: int = 0

    @classmethod
    def of(cls, panes: list[Pane], spec: WindowSpec, now: int) -> "RunningSum":
        """Return the sum over the window that ends with the pane of `now`."""
        total = cls(window_start(spec.ring, spec.panes, now), ring=spec.ring, panes=spec.panes)
        total._ends()
        for pane in reversed(panes):
            if pane.start < total.start:
                break
            total += pane
            total.distinct += pane.kept * pane.weight
        return total

    def move(self, left: Pane | None, pane: Pane) -> None:
        """Count a reporter in `pane`, which is in the sum, instead of in `left` (None: in no pane)."""
        self.distinct += pane.weight
        if left is not None and self.start <= left.start:
            self.distinct -= left.weight

    def slide(self, panes: list[Pane], now: int) -> None:
        """Move on to the window that ends with the pane of `now`; each pane is subtracted once."""
        start = window_start(self.ring, self.panes, now)
        for index in range(bisect_left(panes, self.start, key=START), len(panes)):
            pane = panes[index]
            if pane.start >= start:
                break
            self -= pane
            self.distinct -= pane.kept * pane.weight
        self.start = start
        self._ends()

    def _ends(self) -> None:
        fine = FINE_PER_PANE[self.ring]
        self.until = self.start + fine * self.panes
        self.since = self.until - fine


def pane_at(panes: list[Pane], seen: int) -> Pane:
    """Return the pane that now holds what was counted in the pane beginning at `seen`.

    Folding only moves starts back, never past another pane, so it is the newest pane that begins at or before
    `seen`.
    """
    return panes[bisect_right(panes, seen, key=START) - 1]


def find_or_insert(panes: list[Pane], start: int) -> Pane:
    """Return the pane that begins at `start`, inserting it if there is none."""
    index = bisect_left(panes, start, key=START)
    if index == len(panes):
        panes.append(Pane(start))
    elif panes[index].start != start:
        # It gets the weight of the next newer pane, which keeps weights in order.
        panes.insert(index, Pane(start, weight=panes[index].weight))
    return panes[index]


class Folded(NamedTuple):
    """What folding did: `start` is the fine index at which the oldest pane begins that it changed.

    `uneven`: panes of unequal weights were folded together, so their reporters must be sampled again.
    """

    start: int
    uneven: bool


def fold(panes: list[Pane], before: int, now: int) -> Folded | None:
    """Fold the panes that left a ring between fine indexes `before` and `now` into panes of the next ring.

    Return None if there were none.
    """
    found = None
    for ring, coarser in enumerate(FINE_PER_PANE[1:]):
        first, end = held_from(ring, before), held_from(ring, now)
        folded = None if first == end else _fold(panes, first, end, coarser)
        if folded is not None:
            found = folded if found is None else Folded(folded.start, found.uneven or folded.uneven)
    return found


def drop_before(panes: list[Pane], start: int) -> None:
    """Remove the panes that begin before `start`."""
    del panes[: bisect_left(panes, start, key=START)]


def drop_after(panes: list[Pane], start: int) -> None:
    """Remove the panes that begin after `start`."""
    del panes[bisect_right(panes, start, key=START) :]


def _fold(panes: list[Pane], first: int, end: int, fine_per_pane: int) -> Folded | None:
    """Fold the panes that begin in [first, end) into coarser ones."""
    low = bisect_left(panes, first, key=START)
    high = bisect_left(panes, end, lo=low, key=START)
    if low == high:
        return None
    uneven = False
    oldest = panes[low].start // fine_per_pane * fine_per_pane
    # The preceding pane may already be the coarse one into which they are folded.
    folded = panes[max(low - 1, 0) : low]
    for pane in panes[low:high]:
        start = pane.start // fine_per_pane * fine_per_pane
        if folded and folded[-1].start == start:
            # Its weight stays: the older pane has the larger one.
            coarse = folded[-1]
            uneven |= coarse.weight != pane.weight
            coarse += pane
            coarse.kept += pane.kept
            coarse.tier = max(coarse.tier, pane.tier)
        else:
            pane.start = start
            folded.append(pane)
    panes[max(low - 1, 0) : high] = folded
    return Folded(oldest, uneven)
