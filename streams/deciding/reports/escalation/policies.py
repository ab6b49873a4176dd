"""Policies in the form in which they judge a window."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.counting.categories import NO_COUNTS, CategoryShare, summed, total_of
from streams.counting.conditions import Condition
from streams.counting.sums import WindowCounts
from streams.counting.windows import RINGS, WindowSpec, window_spec
from streams.deciding.reports.escalation.episodes import EpisodeMode, Timing
from streams.registry.policy import Level, Policy


class WindowVerdict(NamedTuple):
    """`level`: the highest whose conditions all hold, 0 for none. `clear`: see CompiledPolicy.judge."""

    level: int
    clear: bool


_LASTING: Final = WindowVerdict(0, clear=False)
_CLEAR: Final = WindowVerdict(0, clear=True)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """A policy that is evaluated: live, in shadow, or as one of a candidate in shadow.

    `levels` come highest first, each with the least reports that it needs and the verdict when it holds;
    level 1 is clear while none of `lasting` holds. No level holds with fewer than `least_reports` reports,
    because of what measures are (see counting.measures). `grows`: more reporters never lower the level.
    `by_size`: it asks how many members the channel has. `history` is the end of the state key of what it
    compares a channel's reports with, None if it does not: policies of the same categories share it.
    """

    policy: Policy
    key: tuple[str, EpisodeMode]
    spec: WindowSpec
    timing: Timing
    levels: tuple[tuple[int, Level, WindowVerdict], ...]
    lasting: tuple[Condition, ...]
    least_reports: int
    needs_union: bool
    grows: bool
    single_category: bool
    by_size: bool
    history: bytes | None

    def judge(self, counts: WindowCounts) -> WindowVerdict:
        """Return the level that holds, and whether all measures of level 1 are below clear_below x threshold.

        A condition that holds without reports, such as `< 5`, does not count for that. While any level holds
        the episode is not clear, whatever level 1 requires: an episode that opened at level 2 on other
        evidence must not resolve while that evidence lasts.
        """
        reports = counts.reports
        for least, level, verdict in self.levels:
            if reports >= least and level.holds(counts):
                return verdict
        for condition in self.lasting:
            if condition.holds(counts):
                return _LASTING
        return _CLEAR

    def judge_shares(self, shares: Sequence[CategoryShare], now: int) -> WindowVerdict:
        """Return the verdict over several categories.

        The union of reporters is computed only where its bounds do not decide.
        """
        if len(shares) < 2:
            return self.judge(shares[0].counts if shares else NO_COUNTS)
        distinct = [share.counts.distinct_reporters for share in shares]
        most = self.judge(summed(shares, sum(distinct)))
        if not self.needs_union or (self.grows and most == self.judge(summed(shares, max(distinct)))):
            return most
        return self.judge(total_of(shares, self.spec, now))

    def established_level(self, shares: Sequence[CategoryShare], end: int) -> int:
        """Return the level that the reports reach that no brigade is suspected to have made (Doubtful).

        `shares` are those of the window that ends with the pane of `end` (ms).
        """
        return self.judge(total_of(shares, self.spec, end).established()).level

    def least_reports_above(self, number: int) -> int:
        """Return with how many reports a level above `number`, of which there must be one, may hold."""
        if not number:
            return self.least_reports
        return min(least for least, level, _ in self.levels if level.level > number)

    def level(self, number: int) -> Level:
        """Return the level with this number."""
        return next(level for level in self.policy.levels if level.level == number)


def compile_policy(policy: Policy, mode: EpisodeMode) -> CompiledPolicy:
    """Prepare a policy for judging. Raises ValueError if its window fits no ring of panes."""
    spec = window_spec(policy.window_ms, policy.window)
    levels = tuple(
        (level.least_reports, level, WindowVerdict(level.level, clear=False))
        for level in reversed(policy.levels)
    )
    measures = {condition.measure.name for condition in policy.conditions}
    by_union = [one for one in policy.conditions if one.measure.over_categories == "union"]
    return CompiledPolicy(
        policy=policy,
        key=(policy.id, mode),
        spec=spec,
        timing=Timing(RINGS[spec.ring].pane_ms, policy.min_clear_ms, policy.cooldown_ms),
        levels=levels,
        lasting=tuple(condition.lasting(policy.clear_below) for condition in policy.levels[0].minimums),
        least_reports=min(least for least, _, _ in levels),
        needs_union=bool(by_union),
        grows=not any(condition.has_limit for condition in by_union),
        single_category=len(policy.categories) == 1,
        by_size="per_thousand_members" in measures,
        history=",".join(sorted(policy.categories)).encode() if "surprise" in measures else None,
    )
