"""Reporters who reported a channel again without adding risk, and when their risk was last counted.

A reporter who is not here was last counted when last seen, which the counts know (distinct.py). So only those
who report again take memory. Of a channel with thousands of reporters the counts know a sample: who is not in
it is not limited, and one more or less does not matter there.
"""

from collections.abc import Mapping
from typing import Final

RiskCounted = dict[int, int]
"""Reporter hash -> fine index of the pane in which the reporter's risk was last counted."""

# Who falls out counts as counted when last seen, which is later: the limit never lets anybody count more. 14
# bytes each, so 7 KB in the state of a channel that 512 people report again within a month.
MOST_REPEATS: Final = 512


def with_repeat(
    repeats: RiskCounted | None, reporter_hash: int, counted_at: int | None
) -> RiskCounted | None:
    """Return the map with one reporter noted again, or forgotten (None).

    If the map is full, the reporter who was noted first is forgotten.
    """
    if counted_at is None:
        if repeats:
            repeats.pop(reporter_hash, None)
        return repeats
    if repeats is None:
        repeats = {}
    repeats[reporter_hash] = counted_at
    if len(repeats) > MOST_REPEATS:
        del repeats[next(iter(repeats))]
    return repeats


def turned_back(repeats: RiskCounted | None, last_seen: Mapping[int, int], now: int) -> RiskCounted:
    """Return the map after time was set back to the fine index `now`; `last_seen` is from before that.

    A reporter who was seen later may have been counted earlier too, which is not known any more. They count
    as counted now: again when the window has passed, and in no case twice.
    """
    kept = {reporter: min(at, now) for reporter, at in (repeats or {}).items()}
    for reporter, seen in last_seen.items():
        if seen > now and reporter not in kept:
            with_repeat(kept, reporter, now)
    return kept
