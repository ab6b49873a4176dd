"""A window of a channel over several categories: what each counted, and their total."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.counting.counts import CHANNEL_COUNTS, ChannelCounts, category_suffix, union_distinct
from streams.counting.measures import WindowCounts
from streams.counting.store import CountStore
from streams.counting.windows import WindowSpec
from streams.events.report import Category

NO_COUNTS = WindowCounts(*[0] * len(WindowCounts._fields))


class CategoryShare(NamedTuple):
    """One category's share of a window: `counts` are what `channel` counted in it."""

    category: Category
    channel: ChannelCounts
    counts: WindowCounts


def shares_of(
    store: CountStore, channel_key: bytes, categories: Sequence[Category], spec: WindowSpec, now: int
) -> list[CategoryShare]:
    """The categories of a channel that have reports in the window that ends with the pane of `now` (ms)."""
    shares = []
    for category in categories:
        entry = store.find(CHANNEL_COUNTS + channel_key + category_suffix(category))
        if entry is not None:
            counts = entry.counts.measure(spec, now)
            if counts.reports:
                shares.append(CategoryShare(category, entry.counts, counts))
    return shares


def total_of(shares: Sequence[CategoryShare], spec: WindowSpec, now: int) -> WindowCounts:
    """The counts of all shares together; distinct reporters are those of the union."""
    if len(shares) == 1:
        return shares[0].counts
    return summed(shares, union_distinct([share.channel for share in shares], spec, now))


def summed(shares: Sequence[CategoryShare], distinct_reporters: int) -> WindowCounts:
    """The sums over the shares, with that many distinct reporters: theirs is not a sum."""
    sums = WindowCounts(*map(sum, zip(NO_COUNTS, *(share.counts for share in shares), strict=True)))
    return sums._replace(distinct_reporters=distinct_reporters)
