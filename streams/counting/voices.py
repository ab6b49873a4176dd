"""What the reports of a channel that have a stamp add up to, pane by pane.

Kept apart from the other counts, so that a channel whose reports have no stamp pays nothing for it.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

from msgspec.structs import astuple, replace

from streams.counting.confirmation import Proof
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.panes import pane_at
from streams.counting.sums import Pane, StampedSums

# start, stamped, and the four numbers of Sums
VoicePane = tuple[int, int, int, int, int, int]

# start of the pane, tag of the reporter, and what proves them right
ProvenRow = tuple[int, int, Proof]

# Proven reporters kept of a channel and category: up to 2 KB. A policy asks for a few of them; of more the
# newest are known, and a window counts too few, never too many.
MOST_PROVEN: Final = 64

# A category has one or two windows, and time moves a window's start: the others are those of windows that
# have passed, which each report adds to in vain.
_KNOWN_STARTS: Final = 3


class Voices:
    """The sums of each pane, by the fine index at which the pane begins. Derived: the sums of windows."""

    __slots__ = ("_panes", "_windows")

    def __init__(self, panes: Sequence[VoicePane] = (), proven: Sequence[ProvenRow] = ()) -> None:
        # The oldest first.
        self._panes = {row[0]: _sums_of(row) for row in panes}
        for start, reporter, proof in proven:
            self._panes[start] = self._panes[start].plus(StampedSums(proven=((reporter, proof),)))
        self._windows: dict[int, StampedSums] = {}

    def add(self, start: int, added: ClusterSums, proven: tuple[int, Proof] | None = None) -> None:
        """Add a stamped report to the pane that begins at `start`; `proven`: its reporter, with the proof."""
        panes = self._panes
        before = panes.get(start)
        one = StampedSums(1, added)
        if proven is not None and (before is None or all(proven[1] != each[1] for each in before.proven)):
            # Who is proven by the same channels is no further voice.
            one = StampedSums(1, added, (proven,))
            self._make_room()
            before = panes.get(start)
        is_between = before is None and bool(panes) and start < next(reversed(panes))
        panes[start] = one if before is None else before.plus(one)
        if is_between:
            self._panes = dict(sorted(panes.items()))
        for first, sums in self._windows.items():
            if start >= first:
                self._windows[first] = sums.plus(one)

    def _make_room(self) -> None:
        """Forget the proven reporter noted first if there are too many."""
        proven = [(start, pane.proven) for start, pane in self._panes.items() if pane.proven]
        if sum(len(each) for _, each in proven) >= MOST_PROVEN:
            start, oldest = proven[0]
            self._panes[start] = replace(self._panes[start], proven=oldest[1:])
            self._windows.clear()

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
        return [(start, one.stamped, *astuple(one.sums)) for start, one in self._panes.items()]

    def proven_rows(self) -> list[ProvenRow]:
        """Return the proven reporters as they are stored."""
        return [(start, *each) for start, one in self._panes.items() for each in one.proven]


def _total(panes: Iterable[StampedSums]) -> StampedSums:
    # One row for each pane would take most of the time.
    stamped = reports = linked = known = squares = 0
    proven: tuple[tuple[int, Proof], ...] = ()
    for pane in panes:
        sums = pane.sums
        stamped += pane.stamped
        reports += sums.reports
        linked += sums.linked
        known += sums.known
        squares += sums.squares
        if pane.proven:
            proven += pane.proven
    return StampedSums(stamped, ClusterSums(reports, linked, known, squares), proven)


def _sums_of(row: VoicePane) -> StampedSums:
    _, stamped, *sums = row
    return StampedSums(stamped, ClusterSums(*sums))
