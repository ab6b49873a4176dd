"""What a late report completes: windows that ended before the time of its channel.

Reports come out of order by hours when a source partition was away. The counts of a window only grow with
each report, so a window has its final level with its last report, whichever that is, and is judged then. So
the highest level of a channel follows from its reports and not from their order.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from streams.contract.events.report import Category
from streams.counting.categories import CategoryShare, channels_of, measured
from streams.counting.counts import ChannelCounts
from streams.counting.windows import RINGS
from streams.deciding.reports.escalation.integrity import Held
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.state import ReportState
from streams.deciding.reports.usual import add_what_is_usual


class LateLevel(NamedTuple):
    """The highest level of the windows that ended; `end` (ms) is in the last pane of the first with it.

    `whole`: the windows that the report is in can still be measured; else those that cannot were left out.
    """

    level: int
    shares: Sequence[CategoryShare]
    end: int
    whole: bool


def is_late(policy: CompiledPolicy, occurred: int, now: int) -> bool:
    """Return whether a window of the policy with a report of `occurred` (ms) ended before `now` (ms)."""
    pane_ms = RINGS[policy.spec.ring].pane_ms
    return occurred // pane_ms < now // pane_ms


def judge_ended(
    state: ReportState,
    channel_key: bytes,
    policy: CompiledPolicy,
    occurred: int,
    now: int,
    own: tuple[Category, ChannelCounts],
    above: int,
    held: Callable[[int, Sequence[CategoryShare], int], Held] | None = None,
) -> LateLevel:
    """Judge the policy in each window that a late report is in and that ended before `now`.

    `own` are the report's category and its counts. Levels up to `above` are not looked for: they would change
    nothing. `held` tells what is left of a level in a window (integrity.level_held), None: all of it.
    """
    spec = policy.spec
    channels = (
        [own] if policy.single_category else channels_of(state.counts, channel_key, policy.policy.categories)
    )
    # A window that begins later is whole if that of the report's own pane is.
    # Loops: generators would take half of the time of this function, which nearly always ends here.
    whole, most = True, 0
    for _, one in channels:
        whole = whole and one.is_whole(spec, occurred)
        most += one.most_reports(spec, occurred, now)
    found = LateLevel(0, (), now, whole)
    top = policy.levels[0][1].level
    if top <= above or most < policy.least_reports_above(above):
        return found
    for end in sorted({end for _, one in channels for end in one.later_ends(spec, occurred, now)}):
        if not (whole or all(one.is_whole(spec, end) for _, one in channels)):
            continue
        shares = measured(channels, spec, end)
        add_what_is_usual(state.crowd, channel_key, policy, [share.counts for share in shares], end)
        level = policy.judge_shares(shares, end).level
        if held is not None and level > max(above, found.level):
            level = held(level, shares, end).level
        if level > max(above, found.level):
            found = LateLevel(level, shares, end, whole)
            if level == top:
                break
    return found
