"""What a policy finds in the counts of a channel at a time."""

from typing import NamedTuple

from streams.counting.counts import ChannelCounts, Measures, union_distinct
from streams.counting.store import CountStore
from streams.counting.windows import WindowSpec
from streams.events.report import Category
from streams.reports.rules import CompiledPolicy, Verdict, category_suffix

CHANNEL_COUNTS = b"K"
"""Type of the state key of (channel, category): type, channel ref, NUL, category."""

_ZERO = Measures(*[0] * len(Measures._fields))
_DISTINCT = Measures._fields.index("distinct_reporters")


class Part(NamedTuple):
    """One category's share of a window."""

    category: Category
    counts: ChannelCounts
    measures: Measures


def parts_of(
    store: CountStore, channel_key: bytes, categories: tuple[Category, ...], spec: WindowSpec, now: int
) -> list[Part]:
    """The categories of a channel that have reports in the window that ends with the pane of `now`."""
    parts = []
    for category in categories:
        entry = store.find(CHANNEL_COUNTS + channel_key + category_suffix(category))
        if entry is not None:
            measures = entry.counts.measure(spec, now)
            if measures.reports:
                parts.append(Part(category, entry.counts, measures))
    return parts


def total_of(parts: list[Part], spec: WindowSpec, now: int) -> Measures:
    """Sums over the categories; distinct reporters are those of the union."""
    if len(parts) == 1:
        return parts[0].measures
    return _with_distinct(parts, union_distinct([part.counts for part in parts], spec, now))


def judge(policy: CompiledPolicy, parts: list[Part], now: int) -> Verdict:
    """The policy's verdict; the union of reporters is computed only where its bounds do not decide."""
    if len(parts) < 2:
        return policy.judge(parts[0].measures if parts else _ZERO)
    distinct = [part.measures.distinct_reporters for part in parts]
    most = policy.judge(_with_distinct(parts, sum(distinct)))
    if not policy.needs_distinct or most == policy.judge(_with_distinct(parts, max(distinct))):
        return most
    return policy.judge(total_of(parts, policy.spec, now))


def _with_distinct(parts: list[Part], distinct: int) -> Measures:
    sums = [sum(values) for values in zip(_ZERO, *(part.measures for part in parts), strict=True)]
    sums[_DISTINCT] = distinct
    return Measures(*sums)
