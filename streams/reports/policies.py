"""Policies in the form in which they judge a window: thresholds in whole steps of their measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from streams.counting.categories import NO_COUNTS, CategoryShare, summed, total_of
from streams.counting.measures import MEASURES, Measure, WindowCounts
from streams.counting.windows import RINGS, WindowSpec, window_spec
from streams.events.escalation import PolicyMode
from streams.registry.rules import Level, Policy
from streams.reports.episodes import Timing


class Verdict(NamedTuple):
    """`level`: the highest whose conditions all hold, 0 for none. `clear`: see CompiledPolicy.judge."""

    level: int
    clear: bool


class Bound(NamedTuple):
    """A measure and the bound it is compared with, in steps of the measure."""

    measure: Measure
    steps: float


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """A policy that is evaluated, live or in shadow.

    `levels` come highest first, as (level, conditions); `clear` are the bounds below which level 1 is clear.
    No level holds with fewer than `least_reports` reports, because no measure exceeds the number of reports
    (see counting.measures).
    """

    policy: Policy
    key: tuple[str, PolicyMode]
    spec: WindowSpec
    timing: Timing
    levels: tuple[tuple[int, tuple[Bound, ...]], ...]
    clear: tuple[Bound, ...]
    least_reports: int
    needs_union: bool
    single_category: bool

    def judge(self, counts: WindowCounts) -> Verdict:
        """Return the level that holds, and whether all measures of level 1 are below clear_below x threshold.

        While any level holds the episode is not clear, whatever level 1 requires: an episode that opened at
        level 2 on other evidence must not resolve while that evidence lasts.
        """
        for level, conditions in self.levels:
            for measure, bound in conditions:
                if measure.read(counts) < bound:
                    break
            else:
                return Verdict(level, clear=False)
        return Verdict(0, clear=all(measure.read(counts) < bound for measure, bound in self.clear))

    def judge_shares(self, shares: Sequence[CategoryShare], now: int) -> Verdict:
        """Return the verdict over several categories.

        The union of reporters is computed only where its bounds do not decide.
        """
        if len(shares) < 2:
            return self.judge(shares[0].counts if shares else NO_COUNTS)
        distinct = [share.counts.distinct_reporters for share in shares]
        most = self.judge(summed(shares, sum(distinct)))
        if not self.needs_union or most == self.judge(summed(shares, max(distinct))):
            return most
        return self.judge(total_of(shares, self.spec, now))

    def level(self, number: int) -> Level:
        """Return the level with this number."""
        return next(level for level in self.policy.levels if level.level == number)


def compile_policy(policy: Policy, mode: PolicyMode) -> CompiledPolicy:
    """Prepare a policy for judging. Raises ValueError if its window fits no ring of panes."""
    spec = window_spec(policy.window_ms, policy.window)
    measures = [MEASURES[name] for level in policy.levels for name in level.when]
    return CompiledPolicy(
        policy=policy,
        key=(policy.id, mode),
        spec=spec,
        timing=Timing(RINGS[spec.ring].pane_ms, policy.min_clear_ms, policy.cooldown_ms),
        levels=tuple((level.level, _conditions(level)) for level in reversed(policy.levels)),
        clear=tuple(
            Bound(MEASURES[name], policy.clear_below * MEASURES[name].steps(threshold))
            for name, threshold in policy.levels[0].when.items()
        ),
        least_reports=min(max(map(ceil, level.when.values())) for level in policy.levels),
        needs_union=any(measure.over_categories == "union" for measure in measures),
        single_category=len(policy.categories) == 1,
    )


def _conditions(level: Level) -> tuple[Bound, ...]:
    return tuple(
        Bound(MEASURES[name], ceil(MEASURES[name].steps(threshold))) for name, threshold in level.when.items()
    )
