"""Who had already reported before they were last seen: what windows of the past need besides the last pane.

The map of distinct.py knows the pane in which a reporter was last seen. Somebody who reports at 10:05 and
at 11:30 is missing there in a window that ends at 10:10. So the panes in which reporters were seen before
that are kept too, for those who report a channel again: a reporter who reports once takes no space here.
"""

from collections.abc import Sequence
from typing import Final

from streams.counting.distinct import LastSeen, in_sample
from streams.counting.panes import pane_at
from streams.counting.sums import Pane

Earlier = set[tuple[int, int]]
"""Pairs (fine index at which a pane begins, hash of a reporter who was seen in it and in a later one)."""

# Ten bytes each in the state, so at most 41 KB for a channel that two thousand people report again and again.
# Beyond it the older half is forgotten: windows of the past then count too few, never too many.
MOST_EARLIER: Final = 4096


def settled(earlier: Earlier, last_seen: LastSeen, panes: list[Pane], reach: int) -> Earlier:
    """Return the pairs that still say something after panes were folded, or reporters left the sample.

    No window of the past ends before the fine index `reach`. So of the panes before it only a reporter's
    newest matters, and none if the reporter was last seen before it.
    """
    if not panes:
        return set()
    kept: Earlier = set()
    newest_before: dict[int, int] = {}
    first = panes[0].start
    # There are some two hundred panes and some thousands of pairs.
    pane_of: dict[int, Pane] = {}
    for start, reporter in earlier:
        seen = last_seen.get(reporter)
        if seen is None or seen < reach or start < first:
            continue
        for at in (start, seen):
            if at not in pane_of:
                pane_of[at] = pane_at(panes, at)
        pane = pane_of[start]
        if pane.start >= pane_of[seen].start or not in_sample(reporter, pane.weight):
            continue
        if pane.start >= reach:
            kept.add((pane.start, reporter))
        else:
            newest_before[reporter] = max(pane.start, newest_before.get(reporter, pane.start))
    kept.update((start, reporter) for reporter, start in newest_before.items())
    return kept


def newer_half(earlier: Earlier) -> Earlier:
    """Return the pairs without the older half."""
    return set(sorted(earlier)[len(earlier) // 2 :])


def seen_between(earlier: Earlier, last_seen: LastSeen, start: int, stop: int) -> dict[int, int]:
    """Return the reporters seen from the fine index `start` on and before `stop` who were last seen later.

    With the newest pane of that time in which each was seen.
    """
    found: dict[int, int] = {}
    for pane, reporter in earlier:
        if start <= pane < stop <= last_seen.get(reporter, 0) and pane > found.get(reporter, -1):
            found[reporter] = pane
    return found


def flat(earlier: Earlier, panes: Sequence[Pane]) -> list[int]:
    """Return the pairs as they are stored: hash, index of the pane, and so on, the oldest pane first."""
    index = {pane.start: place for place, pane in enumerate(panes)}
    return [number for start, reporter in sorted(earlier) for number in (reporter, index[start])]


def pairs(stored: Sequence[int], panes: Sequence[Pane]) -> Earlier:
    """Return the pairs that `flat` stored. Raises IndexError if there is no such pane."""
    return {(panes[place].start, reporter) for reporter, place in zip(stored[::2], stored[1::2], strict=True)}
