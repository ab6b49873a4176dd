"""What the native core is told of how reports of a category are judged."""

from collections.abc import Sequence

from streams.contract.events.report import Category, ChannelKind
from streams.counting.conditions import Condition
from streams.counting.held_counts import category_suffix
from streams.counting.measures import MeasureName
from streams.deciding.partition.native.handed_over import HandedOver
from streams.deciding.reports.escalation.asking import asks
from streams.deciding.reports.escalation.episodes import EpisodeMode
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.native.fragment import fragment
from streams.deciding.reports.rules import CategoryPlan, ReportRules
from streams.registry.rules import Rules


class WindowRules(HandedOver, frozen=True):
    """A window (WindowSpec): the last `panes` panes of a ring; `text` is how it is published.

    `live`: a live policy judges it.
    """

    ring: int
    panes: int
    text: str
    live: bool


class ConditionRules(HandedOver, frozen=True):
    """A condition of a policy: it holds from `low` whole steps of the measure on, and below `high`."""

    measure: MeasureName
    low: int
    high: int


class LevelRules(HandedOver, frozen=True):
    """A level, which no window with fewer than `least_reports` reports has.

    All conditions of `when` must hold, and one of `any_of` if it has any.
    """

    level: int
    least_reports: int
    when: Sequence[ConditionRules]
    any_of: Sequence[ConditionRules]


class PolicyRules(HandedOver, frozen=True):
    """A policy (CompiledPolicy), whose episodes have `id` and `mode` as their key.

    `window` is the place of its window among those of the category. `suffixes` are the ends of the state keys
    of its categories, null if it has but one. `channel_kind` is the only kind of channel that it judges, if
    there is one. `levels` come highest first. `is_asked_about`: a desk is asked before a crowd raises it.
    """

    id: str
    mode: EpisodeMode
    window: int
    suffixes: Sequence[str] | None
    channel_kind: ChannelKind | None
    levels: Sequence[LevelRules]
    lasting: Sequence[ConditionRules]
    least_reports: int
    needs_union: bool
    grows: bool
    is_asked_about: bool


class PlanRules(HandedOver, frozen=True):
    """What to compute for a report of a category (CategoryPlan).

    `code` is the category's in state, and `suffix` the end of its state keys. `dsa` are members of an
    enriched report, as JSON. `silences`: a further member of a cluster adds no risk.
    """

    category: str
    code: int
    suffix: str
    windows: Sequence[WindowRules]
    policies: Sequence[PolicyRules]
    judged_together: Sequence[str]
    floor: bool
    dsa: str
    silences: bool


def plan_rules(rules: ReportRules, category: Category, plan: CategoryPlan) -> PlanRules:
    """Return the plan of a category as it is handed over."""
    dsa_category, dsa_keywords = rules.dsa[category]
    registry = rules.registry
    return PlanRules(
        category=category,
        code=registry.categories[category].code,
        suffix=plan.suffix.decode(),
        windows=[
            WindowRules(ring=spec.ring, panes=spec.panes, text=spec.text, live=spec in plan.live_windows)
            for spec in plan.windows
        ],
        policies=[_policy(registry, policy, window) for policy, window in plan.policies],
        judged_together=[suffix.decode() for suffix in plan.judged_together],
        floor=plan.floor,
        dsa=fragment(dsa_category=dsa_category, dsa_keywords=dsa_keywords),
        # Where a desk is asked about a suspected brigade, it hears of all of it.
        silences=registry.integrity == "live" and (not registry.asks or plan.floor),
    )


def _policy(registry: Rules, policy: CompiledPolicy, window: int) -> PolicyRules:
    policy_id, mode = policy.key
    return PolicyRules(
        id=policy_id,
        mode=mode,
        window=window,
        suffixes=None
        if policy.single_category
        else [category_suffix(category).decode() for category in policy.policy.categories],
        channel_kind=policy.policy.channel_kind,
        levels=[
            LevelRules(
                level=level.level,
                least_reports=least,
                when=_conditions(level.when),
                any_of=_conditions(level.any_of),
            )
            for least, level, _ in policy.levels
        ],
        lasting=_conditions(policy.lasting),
        least_reports=policy.least_reports,
        needs_union=policy.needs_union,
        grows=policy.grows,
        is_asked_about=asks(registry, policy) and not registry.has_floor(policy.policy),
    )


def _conditions(conditions: Sequence[Condition]) -> Sequence[ConditionRules]:
    return [
        ConditionRules(measure=condition.measure.name, low=condition.low, high=condition.high)
        for condition in conditions
    ]
