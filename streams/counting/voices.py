"""What the reports of a channel that have a stamp, or no reporter, add up to, pane by pane.

Kept apart from the other counts, so that a channel without such reports pays nothing for it.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

from msgspec.structs import astuple, replace

from streams.counting.confirmation import Proven
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.panes import pane_at
from streams.counting.sums import (
    NO_DOUBT,
    NOT_SCATTERED,
    NOT_STAMPED,
    Doubtful,
    Pane,
    Scattered,
    StampedSums,
)

VoicePane = tuple[int, ...]
"""Start, stamped, the four numbers of ClusterSums, those of Doubtful, unnamed, and those of Scattered.

Then for each proven reporter the tag, the number of channels, and their tags.
Zeros after the first six numbers are left out: most channels have no doubtful reports, and their records are
those of version 0.2.
"""

_FIRST: Final = 6
_UNNAMED: Final = 10
_PROVEN: Final = 13

# Proven reporters kept of a channel and category: 2 KB. A policy asks for a few of them; of more the newest
# are known, and a window counts too few, never too many.
MOST_PROVEN: Final = 64

# A category has one or two windows, and time moves a window's start: the others are those of windows that
# have passed, which each report adds to in vain.
_KNOWN_STARTS: Final = 3


class Voices:
    """The sums of each pane, by the fine index at which the pane begins. Derived: the sums of windows."""

    __slots__ = ("_panes", "_windows")

    def __init__(self, panes: Sequence[VoicePane] = ()) -> None:
        # The oldest first.
        self._panes = {row[0]: sums_of(row) for row in panes}
        self._windows: dict[int, StampedSums] = {}

    def add(self, start: int, one: StampedSums) -> None:
        """Add a report to the pane that begins at `start`."""
        if one.proven:
            one = self._with_room(start, one)
        panes = self._panes
        before = panes.get(start)
        is_late = start < next(reversed(panes), start)
        panes[start] = one if before is None else before.plus(one)
        if is_late and before is None:
            self._panes = dict(sorted(panes.items()))
        if is_late and one.proven:
            # Whose proof counts depends on their order: that of the panes, and not of their arrival, which
            # nobody knows any more who restores them.
            self._windows.clear()
        for first, sums in self._windows.items():
            if start >= first:
                self._windows[first] = sums.plus(one)

    def _with_room(self, start: int, one: StampedSums) -> StampedSums:
        """Return what is to be added of a proven reporter; of too many the first one is forgotten."""
        ((_, proof),) = one.proven
        if any(proof == known for _, known in self.at(start).proven):
            # Who was right in the same channels is no further voice.
            return replace(one, proven=())
        proven = [(each, pane.proven) for each, pane in self._panes.items() if pane.proven]
        if sum(len(kept) for _, kept in proven) >= MOST_PROVEN:
            oldest, kept = proven[0]
            self._panes[oldest] = replace(self._panes[oldest], proven=kept[1:])
            self._windows.clear()
        return one

    def withdraw(self, start: int, added: StampedSums) -> None:
        """Take out of the pane that begins at `start` what stamped reports have added to it."""
        pane = self._panes.get(start)
        if pane is not None:
            self._panes[start] = pane.minus(added)
            self._windows.clear()

    def at(self, start: int) -> StampedSums:
        """Return the sums of the pane that begins at `start`."""
        return self._panes.get(start, NOT_STAMPED)

    def since(self, start: int) -> StampedSums:
        """Return the sums of all panes from the fine index `start` on."""
        found = self._windows.get(start)
        if found is None:
            if len(self._windows) >= _KNOWN_STARTS:
                del self._windows[next(iter(self._windows))]
            newest_first = takewhile(lambda pane: pane[0] >= start, reversed(self._panes.items()))
            found = _total([sums for _, sums in newest_first][::-1])
            self._windows[start] = found
        return found

    def of(self, panes: Sequence[Pane]) -> StampedSums:
        """Return the sums of some panes of the counts."""
        return _total([self._panes[pane.start] for pane in panes if pane.start in self._panes])

    def settle(self, panes: list[Pane]) -> None:
        """Follow the panes of the counts, some of which were folded into longer ones."""
        before, self._panes = self._panes, {}
        self._windows.clear()
        for start, sums in before.items():
            now = pane_at(panes, start).start
            there = self._panes.get(now)
            self._panes[now] = sums if there is None else there.plus(sums)

    def keep(self, first: int, last: int) -> None:
        """Drop the panes that begin before the fine index `first` or after `last`."""
        self._panes = {start: sums for start, sums in self._panes.items() if first <= start <= last}
        self._windows.clear()

    def rows(self) -> list[VoicePane]:
        """Return the panes as they are stored."""
        return [voice_pane(start, one) for start, one in self._panes.items()]


def _total(panes: Iterable[StampedSums]) -> StampedSums:
    # One row for each pane would take most of the time.
    stamped = reports = linked = known = squares = 0
    doubtful, unnamed, scattered = NO_DOUBT, 0, NOT_SCATTERED
    proven: Proven = ()
    for pane in panes:
        sums = pane.sums
        stamped += pane.stamped
        reports += sums.reports
        linked += sums.linked
        known += sums.known
        squares += sums.squares
        doubtful = doubtful.plus(pane.doubtful)
        unnamed = max(unnamed, pane.unnamed)
        scattered = scattered.plus(pane.scattered)
        if pane.proven:
            proven += pane.proven
    sums = ClusterSums(reports, linked, known, squares)
    return StampedSums(stamped, sums, doubtful, unnamed, scattered, proven)


def sums_of(row: VoicePane) -> StampedSums:
    """Return the sums that `voice_pane` stored."""
    _, stamped, *sums = row[:_FIRST]
    doubts, rest, missing = row[_FIRST:_UNNAMED], row[_UNNAMED : _UNNAMED + 1], row[_UNNAMED + 1 : _PROVEN]
    doubtful = Doubtful(*doubts) if any(doubts) else NO_DOUBT
    scattered = Scattered(*missing) if any(missing) else NOT_SCATTERED
    proven = []
    at = _PROVEN
    while at < len(row):
        end = at + 2 + row[at + 1]
        proven.append((row[at], row[at + 2 : end]))
        at = end
    return StampedSums(stamped, ClusterSums(*sums), doubtful, sum(rest), scattered, tuple(proven))


def voice_pane(start: int, one: StampedSums) -> VoicePane:
    """Return the sums of the pane that begins at `start`, as they are stored."""
    row = [start, one.stamped, *astuple(one.sums)]
    if one.doubtful is not NO_DOUBT or one.unnamed or one.scattered is not NOT_SCATTERED:
        row += (*astuple(one.doubtful), one.unnamed, *astuple(one.scattered))
        while not row[-1] and len(row) > _FIRST:
            row.pop()
    if one.proven:
        row += [0] * (_PROVEN - len(row))
        for reporter, proof in one.proven:
            row += (reporter, len(proof), *proof)
    return tuple(row)
