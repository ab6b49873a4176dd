"""Rules in the form in which a report is judged: policies by category, thresholds as integers where they are counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import msgspec

from streams.counting.counts import Measures
from streams.counting.windows import RINGS, WindowSpec, window_spec
from streams.events.escalation import PolicyMode
from streams.events.report import Category
from streams.law.resolution import Resolver
from streams.registry.rules import Level, Measure, Obligation, Policy, Rules
from streams.reports.episodes import Timing
from streams.reports.risk import RiskModel
from streams.wire.encoding import encode

# What an enriched report shows of a category that no policy looks at.
DEFAULT_WINDOW = window_spec(3_600_000, "PT1H")

MILLION = 1_000_000

# Where `Measures` holds what a condition asks for.
MEASURE_INDEX: Mapping[Measure, int] = {
    "reports": Measures._fields.index("reports"),
    "distinct_reporters": Measures._fields.index("distinct_reporters"),
    "risk": Measures._fields.index("risk_millionths"),
    "trusted_flaggers": Measures._fields.index("trusted_flaggers"),
    "automated": Measures._fields.index("automated"),
}


class Verdict(NamedTuple):
    """`level`: the highest whose conditions all hold, 0 for none. `clear`: see CompiledPolicy.judge."""

    level: int
    clear: bool


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """A policy that is evaluated, live or in shadow.

    `levels` come highest first, as (level, conditions), and `clear` are the bounds of level 1; a condition is
    (index into Measures, bound). No level holds below `least_reports` reports: every count is at most the number
    of reports, and so is risk, because no report's is above 1.
    """

    policy: Policy
    key: tuple[str, PolicyMode]
    spec: WindowSpec
    timing: Timing
    levels: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    clear: tuple[tuple[int, float], ...]
    least_reports: int
    needs_distinct: bool
    single_category: bool

    def judge(self, measures: Measures) -> Verdict:
        """Which level holds, and whether every condition of level 1 is below clear_below x its threshold.

        What holds a level is not clear, whatever level 1 asks for: an episode that opened at level 2 on other
        evidence must not resolve while that evidence stands.
        """
        for level, conditions in self.levels:
            for index, bound in conditions:
                if measures[index] < bound:
                    break
            else:
                return Verdict(level, clear=False)
        return Verdict(0, clear=all(measures[index] < bound for index, bound in self.clear))


class CategoryPlan(NamedTuple):
    """What a report of a category leads to. `policies` = (policy, index of its window in `windows`)."""

    suffix: bytes
    windows: tuple[WindowSpec, ...]
    policies: tuple[tuple[CompiledPolicy, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRules:
    """All that `assess` needs besides state and records; build it once with `compile_rules`.

    `dsa` are category and keywords in the EU's transparency database, the keywords as JSON.
    """

    rules: Rules
    resolver: Resolver
    risk_model: RiskModel
    plans: Mapping[Category, CategoryPlan]
    policies: Mapping[tuple[str, str], CompiledPolicy]
    obligations: Mapping[str, Obligation]
    dsa: Mapping[Category, tuple[str, msgspec.Raw]]
    dead_letter_breaker: bool
    duplicates_remembered: int


def compile_rules(
    rules: Rules, *, dead_letter_breaker: bool = True, duplicates_remembered: int = 200_000
) -> CompiledRules:
    """Prepare rules for `assess`.

    `duplicates_remembered` is the number of applied reports per partition among which a duplicate is recognised.
    Raises ValueError when a policy's window fits no ring of panes.
    """
    compiled = [_compile(policy, policy.mode) for policy in rules.policies if policy.mode != "off"]
    return CompiledRules(
        rules=rules,
        resolver=Resolver(rules),
        risk_model=RiskModel(rules),
        plans={category: _plan(category, compiled) for category in rules.categories},
        policies={policy.key: policy for policy in compiled},
        obligations={obligation.id: obligation for obligation in rules.obligations},
        dsa={
            category: (row.dsa_category, msgspec.Raw(encode(row.dsa_keywords)))
            for category, row in rules.categories.items()
        },
        dead_letter_breaker=dead_letter_breaker,
        duplicates_remembered=duplicates_remembered,
    )


def category_suffix(category: Category) -> bytes:
    """The end of a state key of (channel, category). No ref holds NUL, so no ref can imitate it."""
    return b"\0" + category.encode()


def _plan(category: Category, compiled: list[CompiledPolicy]) -> CategoryPlan:
    concerned = [policy for policy in compiled if category in policy.policy.categories]
    windows = sorted(
        {policy.spec for policy in concerned}, key=lambda spec: (spec.ring, spec.panes, spec.text)
    )
    return CategoryPlan(
        category_suffix(category),
        tuple(windows) or (DEFAULT_WINDOW,),
        tuple((policy, windows.index(policy.spec)) for policy in concerned),
    )


def _compile(policy: Policy, mode: PolicyMode) -> CompiledPolicy:
    spec = window_spec(policy.window_ms, policy.window)
    first = policy.levels[0].when
    return CompiledPolicy(
        policy=policy,
        key=(policy.id, mode),
        spec=spec,
        timing=Timing(RINGS[spec.ring].pane_ms, policy.min_clear_ms, policy.cooldown_ms),
        levels=tuple((level.level, _conditions(level)) for level in reversed(policy.levels)),
        clear=tuple(
            (MEASURE_INDEX[measure], policy.clear_below * _units(measure, threshold))
            for measure, threshold in first.items()
        ),
        least_reports=min(max(map(ceil, level.when.values())) for level in policy.levels),
        needs_distinct=any("distinct_reporters" in level.when for level in policy.levels),
        single_category=len(policy.categories) == 1,
    )


def _conditions(level: Level) -> tuple[tuple[int, int], ...]:
    return tuple(
        (MEASURE_INDEX[measure], ceil(_units(measure, threshold)))
        for measure, threshold in level.when.items()
    )


def _units(measure: Measure, threshold: float) -> float:
    # 0.6 * 1e6 is 600000.0, but 1.1 * 1e6 is not 1100000: a threshold is meant in whole millionths.
    return round(threshold * MILLION) if measure == "risk" else threshold
