"""The counts of a channel's window over several categories: each category's, their total, their reporters."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.contract.events.report import Category
from streams.counting.counts import ChannelCounts
from streams.counting.held_counts import CHANNEL_COUNTS, category_suffix
from streams.counting.seen.distinct import equally_likely, union_size
from streams.counting.store import CountStore
from streams.counting.sums import NOT_STAMPED, UNIT, WindowCounts
from streams.counting.windows import FINE_MS, WindowSpec, window_start, window_stop

NO_COUNTS = WindowCounts()


class CategoryShare(NamedTuple):
    """One category's part of a window: `counts` are those of `channel` in the window."""

    category: Category
    channel: ChannelCounts
    counts: WindowCounts


def channels_of(
    store: CountStore, channel_key: bytes, categories: Sequence[Category]
) -> list[tuple[Category, ChannelCounts]]:
    """Return the categories of which the channel has counts, with these."""
    found = []
    for category in categories:
        entry = store.find(CHANNEL_COUNTS + channel_key + category_suffix(category))
        if entry is not None:
            found.append((category, entry.counts))
    return found


def measured(
    channels: Iterable[tuple[Category, ChannelCounts]], spec: WindowSpec, now: int
) -> list[CategoryShare]:
    """Return those that have reports in the window ending with the pane of `now` (ms)."""
    shares = (CategoryShare(category, channel, channel.measure(spec, now)) for category, channel in channels)
    return [share for share in shares if share.counts.reports]


def shares_of(
    store: CountStore, channel_key: bytes, categories: Sequence[Category], spec: WindowSpec, now: int
) -> list[CategoryShare]:
    """Return the channel's categories that have reports in the window ending with the pane of `now` (ms)."""
    return measured(channels_of(store, channel_key, categories), spec, now)


def total_of(shares: Sequence[CategoryShare], spec: WindowSpec, now: int) -> WindowCounts:
    """Return the counts of all shares together. A reporter in several categories counts once."""
    if len(shares) == 1:
        return shares[0].counts
    return summed(shares, union_distinct([share.channel for share in shares], spec, now))


def summed(shares: Sequence[CategoryShare], distinct_reporters: int) -> WindowCounts:
    """Return the sums over the shares, with `distinct_reporters` as given: reporters overlap, so no sum.

    Those without a ref may be the same people in all categories. Do not change what is returned: it may be
    the counts of the only share.
    """
    if len(shares) == 1 and shares[0].counts.distinct_reporters == distinct_reporters:
        return shares[0].counts
    total = WindowCounts()
    unnamed = 0
    for share in shares:
        total += share.counts
        total.members, total.expected = share.counts.members, share.counts.expected
        if share.counts.stamped is not NOT_STAMPED:
            total.stamped = total.stamped.plus(share.counts.stamped)
            unnamed += share.counts.stamped.unnamed
    total.risk -= unnamed - total.stamped.unnamed
    total.distinct_reporters = distinct_reporters
    return total


def reporters_in(
    counts: Sequence[ChannelCounts], spec: WindowSpec, now_ms: int
) -> tuple[list[list[int]], float]:
    """Return the reporters of a window in each category, by hash, and how many of them each stands for.

    There must be one with reports. It is 1 up to some thousand reporters; beyond, this is a sample to which
    each is equally likely to belong.
    """
    now = now_ms // FINE_MS
    start, stop = window_start(spec.ring, spec.panes, now), window_stop(spec.ring, now)
    alike, weight = equally_likely([one.sample(start, stop) for one in counts])
    return alike, weight / UNIT


def union_distinct(counts: Sequence[ChannelCounts], spec: WindowSpec, now_ms: int) -> int:
    """Return the number of different reporters in a window over several categories of a channel.

    It is never below the largest category's number and never above their sum, so these bounds can decide a
    threshold without computing the union. It is exact if each category's number is.
    """
    now = now_ms // FINE_MS
    start, stop = window_start(spec.ring, spec.panes, now), window_stop(spec.ring, now)
    sizes = [one.measure(spec, now_ms).distinct_reporters for one in counts]
    samples = [one.sample(start, stop) for one, size in zip(counts, sizes, strict=True) if size]
    if len(samples) < 2:
        return sum(sizes)
    return min(max(union_size(samples), *sizes), sum(sizes))
