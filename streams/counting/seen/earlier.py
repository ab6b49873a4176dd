"""Who had already reported before they were last seen: what windows of the past need besides the last pane.

The map of distinct.py knows the pane in which a reporter was last seen. Somebody who reports at 10:05 and
at 11:30 is missing there in a window that ends at 10:10. So the panes in which reporters were seen before
that are kept too, for those who report a channel again: a reporter who reports once takes no space here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from streams.counting.panes import pane_at
from streams.counting.seen.distinct import LastSeen, in_sample
from streams.counting.sums import Pane

Pair = tuple[int, int]
"""The fine index at which a pane begins, and the hash of a reporter who was seen in it and in a later one."""

# Ten bytes each in the state, so at most 41 KB for a channel that two thousand people report again and again.
# Beyond it the older half is forgotten: windows of the past then count too few, never too many.
MOST_EARLIER: Final = 4096


class Earlier:
    """The reporters of each pane who were seen later, too, by the fine index at which the pane begins."""

    __slots__ = ("_panes", "_size")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._panes: dict[int, set[int]] = {}
        self._size = 0
        for start, reporter in pairs:
            self.note(start, reporter)

    def __len__(self) -> int:
        return self._size

    def pairs(self) -> Iterator[Pair]:
        """Yield all pairs, in no order."""
        for start, reporters in self._panes.items():
            for reporter in reporters:
                yield start, reporter

    def note(self, start: int, reporter: int) -> None:
        """Note that a reporter was seen in the pane that begins at `start`, and in a later one."""
        reporters = self._panes.get(start)
        if reporters is None:
            self._panes[start] = {reporter}
        elif reporter not in reporters:
            reporters.add(reporter)
        else:
            return
        self._size += 1
        if self._size > MOST_EARLIER:
            self._forget_older_half()

    def between(self, last_seen: LastSeen, start: int, stop: int) -> dict[int, int]:
        """Return the reporters seen in [`start`, `stop`), which are fine indexes, who were last seen later.

        With the newest pane of that time in which each was seen.
        """
        return {
            reporter: pane
            for pane in sorted(pane for pane in self._panes if start <= pane < stop)
            for reporter in self._panes[pane]
            if last_seen.get(reporter, 0) >= stop
        }

    def panes_of(self, reporter: int) -> list[int]:
        """Return the fine indexes at which the panes begin in which a reporter was seen, and later again."""
        return [start for start, reporters in self._panes.items() if reporter in reporters]

    def forget(self, reporter: int) -> None:
        """Forget a reporter."""
        for start in self.panes_of(reporter):
            self._panes[start].remove(reporter)
            self._size -= 1
            if not self._panes[start]:
                del self._panes[start]

    def rename(self, before: int, after: int) -> None:
        """Give a reporter the hash under another key."""
        for start, reporters in self._panes.items():
            if before in reporters:
                reporters.remove(before)
                self._size -= 1
                self.note(start, after)

    def keep_until(self, fine: int) -> None:
        """Forget the panes that begin after the fine index `fine`."""
        for start in [start for start in self._panes if start > fine]:
            self._size -= len(self._panes.pop(start))

    def settle(self, last_seen: LastSeen, panes: list[Pane], start: int = 0, stop: int | None = None) -> None:
        """Follow what happened to panes that begin from the fine index `start` on and before `stop`.

        They were folded or dropped, or reporters left the sample. A pair goes whose pane is now the one in
        which the reporter was last seen, or no longer has the reporter in its sample.
        """
        changed = [one for one in self._panes if start <= one and (stop is None or one < stop)]
        before = [(one, self._panes.pop(one)) for one in changed]
        self._size -= sum(len(reporters) for _, reporters in before)
        if not panes:
            return
        first = panes[0].start
        starts: dict[int, int] = {}
        for one, reporters in before:
            if one < first:
                continue
            pane = pane_at(panes, one)
            for reporter in reporters:
                seen = last_seen.get(reporter)
                if seen is None or not in_sample(reporter, pane.weight):
                    continue
                if seen not in starts:
                    starts[seen] = pane_at(panes, seen).start
                if pane.start < starts[seen]:
                    self.note(pane.start, reporter)

    def forget_before(self, reach: int, last_seen: LastSeen) -> None:
        """Keep what windows need that end with the fine index `reach` or later.

        Of the panes before it that is a reporter's newest, and none if the reporter was last seen before it.
        """
        known: set[int] = set()
        for start in sorted((start for start in self._panes if start < reach), reverse=True):
            reporters = self._panes[start]
            newest = {one for one in reporters if one not in known and last_seen.get(one, 0) >= reach}
            known |= newest
            self._size -= len(reporters) - len(newest)
            if newest:
                self._panes[start] = newest
            else:
                del self._panes[start]

    def _forget_older_half(self) -> None:
        more = self._size // 2
        self._size -= more
        for start in sorted(self._panes):
            reporters = self._panes.pop(start)
            if len(reporters) > more:
                # Of one pane those with the lowest hashes: any would do, but both cores must forget the same.
                self._panes[start] = set(sorted(reporters)[more:])
                break
            more -= len(reporters)


def flat(earlier: Earlier, panes: Sequence[Pane]) -> list[int]:
    """Return the pairs as they are stored: hash, index of the pane, and so on, the oldest pane first."""
    index = {pane.start: place for place, pane in enumerate(panes)}
    return [number for start, reporter in sorted(earlier.pairs()) for number in (reporter, index[start])]


def pairs(stored: Sequence[int], panes: Sequence[Pane]) -> Earlier:
    """Return the pairs that `flat` stored. Raises IndexError if there is no such pane."""
    numbers = zip(stored[::2], stored[1::2], strict=True)
    return Earlier((panes[place].start, reporter) for reporter, place in numbers)
