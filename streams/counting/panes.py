"""The panes of a channel: each report is counted in one, and old panes are folded into coarser ones.

A channel has one list of panes, oldest first. What the finest ring still holds stands in five-minute panes, what only
the next one holds in panes of an hour, the rest in panes of a day. So a window is always the end of the list, from
the window's start on, and a report costs one pane rather than one per ring. Folding depends on the pane of `now`
alone and gives the same panes whether it happens in many steps or in one.
"""

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import Self

import msgspec

from streams.counting.windows import FINE_PER_PANE, WindowSpec, held_from, window_start

START = attrgetter("start")

# A kept reporter of a pane stands for weight / UNIT reporters. 64 keeps unsampled weights in one byte of the
# encoding; the rounding of weights is no error, because the sample is drawn by the rounded weight.
UNIT = 64


class Counters(msgspec.Struct, array_like=True, gc=False):
    """Sums over reports; `risk` in millionths, `without_ref` = reports whose reporter has no pseudonym."""

    start: int
    reports: int = 0
    risk: int = 0
    trusted_flaggers: int = 0
    automated: int = 0
    state_actors: int = 0
    anonymous: int = 0
    without_ref: int = 0

    def count(self, reporter_kind: str, reporter_hash: int | None, risk: int) -> None:
        """Count one report. What is of no other kind is a user's, which needs no counter of its own."""
        self.reports += 1
        self.risk += risk
        if reporter_hash is None:
            self.without_ref += 1
        if reporter_kind != "user":
            if reporter_kind == "anonymous":
                self.anonymous += 1
            elif reporter_kind == "automated":
                self.automated += 1
            elif reporter_kind == "trusted_flagger":
                self.trusted_flaggers += 1
            elif reporter_kind == "state_actor":
                self.state_actors += 1

    def include(self, other: "Counters") -> None:
        """Add what another one counted."""
        self.reports += other.reports
        self.risk += other.risk
        self.trusted_flaggers += other.trusted_flaggers
        self.automated += other.automated
        self.state_actors += other.state_actors
        self.anonymous += other.anonymous
        self.without_ref += other.without_ref

    def exclude(self, other: "Counters") -> None:
        """Take away what another one counted."""
        self.reports -= other.reports
        self.risk -= other.risk
        self.trusted_flaggers -= other.trusted_flaggers
        self.automated -= other.automated
        self.state_actors -= other.state_actors
        self.anonymous -= other.anonymous
        self.without_ref -= other.without_ref


class Pane(Counters, array_like=True, gc=False):
    """One pane, from the fine index `start` on.

    `kept` reporters of the sample were last seen in it, each standing for `weight` / UNIT. Weights never grow from
    one pane to a newer one; see distinct.py for why.
    """

    kept: int = 0
    weight: int = UNIT
    # Index of the most protective tier among the reports: no sum, and asked for only when something escalates.
    tier: int = 0


class RunningSum(Counters, gc=False):
    """The sum of all panes from `start` on, right until the fine index `until`. Derived: never persisted."""

    until: int = 0
    distinct: int = 0
    ring: int = 0
    panes: int = 0

    @classmethod
    def of(cls, panes: list[Pane], spec: WindowSpec, now: int) -> Self:
        """Sum the panes of a window that ends in the pane of `now`."""
        total = cls(window_start(spec.ring, spec.panes, now), ring=spec.ring, panes=spec.panes)
        total.until = total.start + FINE_PER_PANE[spec.ring] * spec.panes
        for pane in reversed(panes):
            if pane.start < total.start:
                break
            total.include(pane)
            total.distinct += pane.kept * pane.weight
        return total

    def move(self, left: Pane | None, pane: Pane) -> None:
        """Follow a reporter who is now last seen in `pane`, which is in the sum, and was in `left` or nowhere."""
        self.distinct += pane.weight
        if left is not None and self.start <= left.start:
            self.distinct -= left.weight

    def slide(self, panes: list[Pane], now: int) -> None:
        """Move on to the window that ends in the pane of `now`: each pane is taken away once."""
        start = window_start(self.ring, self.panes, now)
        for index in range(bisect_left(panes, self.start, key=START), len(panes)):
            pane = panes[index]
            if pane.start >= start:
                break
            self.exclude(pane)
            self.distinct -= pane.kept * pane.weight
        self.start = start
        self.until = start + FINE_PER_PANE[self.ring] * self.panes


def pane_at(panes: list[Pane], seen: int) -> Pane:
    """Give the pane in which something that was counted in the pane beginning at `seen` stands now.

    Folding only moves starts down, and never over another pane: it is the newest pane that begins at or before.
    """
    return panes[bisect_right(panes, seen, key=START) - 1]


def find_or_insert(panes: list[Pane], start: int) -> Pane:
    """Give the pane that begins at `start`, a new one when there is none."""
    index = bisect_left(panes, start, key=START)
    if index == len(panes):
        panes.append(Pane(start))
    elif panes[index].start != start:
        # Sampled like the next newer pane, so that weights stay in order.
        panes.insert(index, Pane(start, weight=panes[index].weight))
    return panes[index]


def fold(panes: list[Pane], before: int, now: int) -> bool:
    """Fold the panes that each ring held at `before` and holds no longer at `now` into panes of the next ring.

    Both are fine indexes. True when panes of unequal weights were folded together: the reporters in them have to be
    sampled again.
    """
    uneven = False
    for ring, coarser in enumerate(FINE_PER_PANE[1:]):
        first, end = held_from(ring, before), held_from(ring, now)
        if first == end:
            break
        uneven |= _fold(panes, first, end, coarser)
    return uneven


def drop_before(panes: list[Pane], start: int) -> None:
    """Remove the panes that begin before `start`."""
    del panes[: bisect_left(panes, start, key=START)]


def _fold(panes: list[Pane], first: int, end: int, fine_per_pane: int) -> bool:
    """Fold the panes that begin in [first, end) into panes of that length; True when weights differed."""
    low = bisect_left(panes, first, key=START)
    high = bisect_left(panes, end, lo=low, key=START)
    if low == high:
        return False
    uneven = False
    # The pane before may already be the coarse one that they go into.
    folded = panes[max(low - 1, 0) : low]
    for pane in panes[low:high]:
        start = pane.start // fine_per_pane * fine_per_pane
        if folded and folded[-1].start == start:
            # Its weight stays: the older pane has the larger one.
            coarse = folded[-1]
            uneven |= coarse.weight != pane.weight
            coarse.include(pane)
            coarse.kept += pane.kept
            coarse.tier = max(coarse.tier, pane.tier)
        else:
            pane.start = start
            folded.append(pane)
    panes[max(low - 1, 0) : high] = folded
    return uneven
