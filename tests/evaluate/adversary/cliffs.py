"""What it would gain to draw thresholds at random, by channel and day, so that nobody knows them exactly."""

from dataclasses import replace
from statistics import mean
from typing import Final

from streams.counting.conditions import condition
from streams.registry.policy import Policy
from streams.registry.rules import Rules
from tests.evaluate.adversary.battle import FIRST, Battle, Wave, target_name
from tests.evaluate.adversary.named import CROWDS, FRAUD, accounts_needed
from tests.evaluate.adversary.plan import Plan
from tests.evaluate.stages import MINUTE

FACTORS: Final = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Equally likely values of a threshold, as a share of the shipped one."""
PEOPLE: Final = (18, 20, 22, 25, 30, 40)
"""Sizes of honest waves, around level 2 of `fraud`."""
_SEEDS: Final = (1, 2, 3, 4, 5)


def scaled(rules: Rules, factor: float) -> Rules:
    """Return the rules with the thresholds of the levels above review multiplied by a factor."""
    return replace(rules, policies=tuple(_scaled(policy, factor) for policy in rules.policies))


def table(rules: Rules) -> str:
    """Return, for each factor, what level 2 of `fraud` costs a crowd, and how waves fare, in Markdown."""
    lines = [
        "| thresholds | accounts of one day that joined | waves of "
        + " / ".join(map(str, PEOPLE))
        + " at level 2 | minutes to it, wave of 40 |",
        "| --- | --- | --- | --- |",
    ]
    for factor in FACTORS:
        changed = scaled(rules, factor)
        _, needed, _ = accounts_needed(changed, FRAUD, CROWDS["<1 day, joined"])
        waves = [[_minutes(changed, people, seed) for seed in _SEEDS] for people in PEOPLE]
        opened = " / ".join(f"{mean(one is not None for one in wave):.1f}" for wave in waves)
        late = mean(one for one in waves[-1] if one is not None)
        lines.append(f"| x {factor} | {needed} | {opened} | {late:.0f} |")
    return "\n".join(lines)


def _minutes(rules: Rules, people: int, seed: int) -> float | None:
    stages = Battle(Plan(), "fraud", seed, Wave(people)).play(rules)
    at = stages.reached("fraud", target_name(0), 2)
    return None if at is None else (at - FIRST) / MINUTE


def _scaled(policy: Policy, factor: float) -> Policy:
    levels = tuple(
        level
        if level.level == 1
        else replace(
            level,
            when=tuple(
                condition(each.measure.name, each.comparison, each.threshold * factor) for each in level.when
            ),
        )
        for level in policy.levels
    )
    return replace(policy, levels=levels)
