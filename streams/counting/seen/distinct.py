"""The number of different reporters in a window, in bounded space.

A map holds reporter hash -> fine index of the pane in which the reporter was last seen. Each reporter is last
seen in one pane, so the distinct reporters of a window are the sum over its panes, and one map serves all
resolutions.

Beyond SAMPLE reporters it is a sample. A pane of weight w keeps the reporters with hash < 2**64 * UNIT / w,
each of which represents w / UNIT reporters. Weights are per pane: with N reporters last seen in the pane or
later, w / UNIT is at most N / SAMPLE. N of a pane only grows, because reporters only move to newer panes;
hence, for a window that begins with a pane of N0, the variance is

    SUM n_p (w_p / UNIT - 1) <= SUM n_p N_p / SAMPLE <= N0**2 / SAMPLE

and the relative standard error is at most 1 / sqrt(SAMPLE), whatever came before the window. A window of up
to SAMPLE reporters has no weight above UNIT and is exact.

Weights never grow from a pane to a newer one. So the map holds exactly the reporters below the bound of the
pane in which they were last seen: a late report for an older pane does not add back a reporter that was
sampled away.

Hashes must be uniform in [0, 2**64), also for reporters whose pseudonyms somebody chose: a person who could
choose hashes below a bound, or above it, would make the estimate as large or small as they like. So the hash
has a secret key (deciding/partition/hash_key.py).
"""

from collections import Counter
from collections.abc import Collection, Sequence

from streams.counting.panes import pane_at
from streams.counting.sums import UNIT, Pane

LastSeen = dict[int, int]

# Relative standard error 1 / sqrt(2048) = 2.2 %: an error of 10 % is 4.5 standard deviations away.
SAMPLE = 2048

# A reporter belongs to the sample of a pane when hash * weight is below this.
_ALL_HASHES = UNIT << 64


def in_sample(reporter_hash: int, weight: int) -> bool:
    """Return whether a reporter belongs to the sample of a pane of that weight."""
    return reporter_hash * weight < _ALL_HASHES


def see(last_seen: LastSeen, panes: list[Pane], pane: Pane, reporter_hash: int) -> Pane | None:
    """Record that a reporter was seen in `pane`, and return the pane in which it was counted before.

    None means in no pane. `pane` itself means that nothing changed: the reporter had already been seen there
    or later, or is not in the sample.
    """
    seen = last_seen.get(reporter_hash)
    if seen is None:
        if not in_sample(reporter_hash, pane.weight):
            return pane
        left = None
    elif seen >= pane.start:
        return pane
    else:
        left = pane_at(panes, seen)
        left.kept -= 1
    last_seen[reporter_hash] = pane.start
    pane.kept += 1
    return left


def rename(last_seen: LastSeen, panes: list[Pane], before: int, after: int) -> bool:
    """Replace the hash `before`, which must be in the map, by the reporter's hash under another key.

    Return whether all `kept` stayed the same. If the pane is sampled, the new hash may not be in the sample.
    It is as likely to be in it as any, so estimates stay unbiased.
    """
    seen = last_seen.pop(before)
    pane = pane_at(panes, seen)
    if after in last_seen or not in_sample(after, pane.weight):
        pane.kept -= 1
        return False
    last_seen[after] = seen
    return True


def thin_out(last_seen: LastSeen, panes: list[Pane]) -> LastSeen:
    """Raise the weights of panes up to the error bound; return the map of remaining reporters."""
    total = 0
    for pane in reversed(panes):
        total += pane.kept * pane.weight
        pane.weight = max(pane.weight, total // SAMPLE)
    return resample(last_seen, panes)


def resample(last_seen: LastSeen, panes: list[Pane]) -> LastSeen:
    """Return the map of reporters in the sample of their pane, in the same order, and update each `kept`."""
    start, bound = {}, {}
    for seen in set(last_seen.values()):
        pane = pane_at(panes, seen)
        start[seen], bound[seen] = pane.start, _bound(pane.weight)
    left = {reporter: start[seen] for reporter, seen in last_seen.items() if reporter < bound[seen]}
    kept = Counter(left.values())
    for pane in panes:
        pane.kept = kept[pane.start]
    return left


def settle(last_seen: LastSeen, panes: list[Pane]) -> None:
    """Point the entries of panes that were folded since at the panes into which they were folded."""
    stale = set(last_seen.values()).difference(pane.start for pane in panes)
    if stale:
        starts = {seen: pane_at(panes, seen).start for seen in stale}
        for reporter, seen in last_seen.items():
            if seen in stale:
                last_seen[reporter] = starts[seen]


def next_limit(size: int) -> int:
    """Return the size at which the map is next thinned out: half of it is then new, which repays the work."""
    return max(SAMPLE, 2 * size)


def union_size(samples: Sequence[tuple[Collection[int], int]]) -> int:
    """Estimate the number of different reporters of a window in any of several categories.

    `samples` = (sampled reporters, largest weight of the panes in the window). Below the smallest bound every
    sample is complete, so the reporters below it are counted and scaled up. Exact when all weights are UNIT.
    """
    union: set[int] = set()
    alike, weight = equally_likely(samples)
    for reporters in alike:
        union.update(reporters)
    return (len(union) * weight + UNIT // 2) // UNIT


def equally_likely(samples: Sequence[tuple[Collection[int], int]]) -> tuple[list[list[int]], int]:
    """Return of each sample the reporters who are equally likely to be in it, whenever they reported.

    And their weight: each stands for weight / UNIT reporters.
    """
    weight = max(weight for _, weight in samples)
    bound = _bound(weight)
    return [[reporter for reporter in reporters if reporter < bound] for reporters, _ in samples], weight


def _bound(weight: int) -> int:
    """Return the smallest hash outside the sample, rounded up to agree with the test in `see`."""
    return -(-_ALL_HASHES // weight)
