"""What a late report completes: windows that ended before the time of its channel.

Reports come out of order by hours when a source partition was away. The counts of a window only grow with
each report, so a window has its final level with its last report, whichever that is, and is judged then. So
the highest level of a channel follows from its reports and not from their order.
"""

from collections.abc import Sequence
from typing import NamedTuple

from streams.counting.categories import CategoryShare, shares_of
from streams.counting.counts import CHANNEL_COUNTS, ChannelCounts, category_suffix
from streams.counting.store import CountStore
from streams.counting.windows import FINE_MS, FINE_PER_PANE
from streams.deciding.reports.escalation.policies import CompiledPolicy


class LateLevel(NamedTuple):
    """The highest level of the windows that ended; `end` (ms) is in the last pane of the first with it.

    `whole`: none of the windows was left out because its panes are no longer held one by one.
    """

    level: int
    shares: Sequence[CategoryShare]
    end: int
    whole: bool


def is_late(policy: CompiledPolicy, occurred: int, now: int) -> bool:
    """Return whether a window of the policy with a report of `occurred` (ms) ended before `now` (ms)."""
    pane_ms = FINE_PER_PANE[policy.spec.ring] * FINE_MS
    return occurred // pane_ms < now // pane_ms


def judge_ended(
    store: CountStore, channel_key: bytes, policy: CompiledPolicy, occurred: int, now: int
) -> LateLevel:
    """Judge the policy in each window that a late report is in and that ended before `now`."""
    channels = _channels(store, channel_key, policy)
    ends = sorted({end for one in channels for end in one.later_ends(policy.spec, occurred, now)})
    found = LateLevel(0, (), now, whole=True)
    for end in ends:
        if not all(one.is_whole(policy.spec, end) for one in channels):
            found = found._replace(whole=False)
            continue
        shares = shares_of(store, channel_key, policy.policy.categories, policy.spec, end)
        level = policy.judge_shares(shares, end).level
        if level > found.level:
            found = LateLevel(level, shares, end, found.whole)
    return found


def _channels(store: CountStore, channel_key: bytes, policy: CompiledPolicy) -> list[ChannelCounts]:
    keys = (CHANNEL_COUNTS + channel_key + category_suffix(one) for one in policy.policy.categories)
    entries = (store.find(key) for key in keys)
    return [entry.counts for entry in entries if entry is not None]
