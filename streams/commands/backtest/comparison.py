"""Compares what two sets of rules made of the same reports."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple, get_args

from streams.commands.backtest.findings import Judged, OpenedEpisode
from streams.contract.events.routing import Gate
from streams.counting.conditions import Condition
from streams.registry.policy import Policy
from streams.registry.rules import Rules


class LevelComparison(NamedTuple):
    """How many episodes of a policy reached at least this level.

    A count is None where that side has no such level or has switched the policy off. `mode` is the policy's
    mode, or `old -> new` where the candidate changes it.
    """

    policy: str
    mode: str
    level: int
    level_name: str
    in_use: int | None
    candidate: int | None


def levels_compared(in_use: Judged, candidate: Judged) -> list[LevelComparison]:
    """One row per level of every policy of either side: those in use first, in their order, then new ones."""
    before, after = (_switched_on(judged) for judged in (in_use, candidate))
    reached_before, reached_after = (
        _reached(judged.findings.episodes.values()) for judged in (in_use, candidate)
    )
    rows = []
    for policy in {**before, **after}:
        names_before, names_after = _level_names(before.get(policy)), _level_names(after.get(policy))
        rows += [
            LevelComparison(
                policy,
                _mode(before.get(policy), after.get(policy)),
                level,
                names_after.get(level) or names_before[level],
                reached_before[policy, level] if level in names_before else None,
                reached_after[policy, level] if level in names_after else None,
            )
            for level in sorted({*names_before, *names_after})
        ]
    return rows


class QuestionComparison(NamedTuple):
    """About how many episodes of a policy desks would be asked; None on a side that asks nobody."""

    policy: str
    in_use: int | None
    candidate: int | None


def questions_compared(in_use: Judged, candidate: Judged) -> list[QuestionComparison]:
    """One row per policy about which either side would ask, in the order of the policies."""
    before, after = (Counter(judged.findings.asked.values()) for judged in (in_use, candidate))
    policies = {**_switched_on(in_use), **_switched_on(candidate)}
    return [
        QuestionComparison(
            policy,
            None if in_use.rules.ask is None else before[policy],
            None if candidate.rules.ask is None else after[policy],
        )
        for policy in policies
        if before[policy] or after[policy]
    ]


def only_in(judged: Judged, other: Judged) -> list[OpenedEpisode]:
    """The episodes of `judged`, newest first, in channels where the same policy opened none in `other`."""
    known = {(episode.policy, episode.channel) for episode in other.findings.episodes.values()}
    found = [
        episode
        for episode in judged.findings.episodes.values()
        if (episode.policy, episode.channel) not in known
    ]
    return sorted(found, key=lambda episode: episode.opened_at, reverse=True)


class OtherLevel(NamedTuple):
    """A channel that a policy escalates on both sides, to another highest level; `higher` is that episode."""

    in_use: int
    candidate: int
    higher: OpenedEpisode


def other_levels(in_use: Judged, candidate: Judged) -> list[OtherLevel]:
    """The channels that both sides escalate, each to another level, newest first."""
    before, after = (_highest(judged) for judged in (in_use, candidate))
    found = [
        OtherLevel(before[key].level, each.level, max(before[key], each, key=lambda episode: episode.level))
        for key, each in after.items()
        if key in before and before[key].level != each.level
    ]
    return sorted(found, key=lambda each: each.higher.opened_at, reverse=True)


def why_not(episode: OpenedEpisode, rules: Rules) -> str:
    """Say what keeps a channel below the level of an episode under other rules.

    That is each threshold of theirs that the measures of the episode do not reach, with the value.
    """
    policy = next((each for each in rules.policies if each.id == episode.policy), None)
    if policy is None or policy.mode == "off":
        return "has no such policy" if policy is None else "the policy is off"
    level = next((each for each in policy.levels if each.level == episode.level), None)
    if level is None:
        return f"the policy has no level {episode.level}"
    values = {measured.measure: measured.value for measured in episode.conditions}
    texts = [_short_of(each, values) for each in level.when]
    any_of = [_short_of(each, values) for each in level.any_of]
    if all(any_of):
        texts += any_of
    found = [text for text in texts if text is not None]
    return (
        ", ".join(found)
        or "its thresholds are met: weights, categories, the window or a question to a desk differ"
    )


def _short_of(condition: Condition, values: Mapping[str, float]) -> str | None:
    """Return how a condition is missed, None if it is met."""
    value = values.get(condition.measure.name)
    if value is None:
        return f"asks for {condition.text}"
    if condition.low <= condition.measure.steps(value) < condition.high:
        return None
    return f"{condition.measure.name} {value:.6g}, and {condition.text.partition(' ')[2]} is needed"


class DailyCases(NamedTuple):
    """Live episodes, by what must happen before anybody acts."""

    gate: str
    in_use: int
    candidate: int


def cases_compared(in_use: Judged, candidate: Judged) -> list[DailyCases]:
    """One row per gate that a case of either side has, from the least to the most protective."""
    before, after = (
        Counter(each.gate for each in judged.findings.episodes.values() if each.mode == "live")
        for judged in (in_use, candidate)
    )
    return [
        DailyCases(gate, before[gate], after[gate]) for gate in get_args(Gate) if before[gate] or after[gate]
    ]


class BudgetUse(NamedTuple):
    """A budget per hour of each level, the most cases that opened in an hour, and how many were beyond it.

    Those beyond wait, open with a digest, or are cases that never rest.
    """

    per_hour: int
    busiest_hour: int
    beyond: int


class BudgetComparison(NamedTuple):
    """How a policy uses its budget; None on a side where it has none or is off."""

    policy: str
    in_use: BudgetUse | None
    candidate: BudgetUse | None


def budgets_compared(in_use: Judged, candidate: Judged) -> list[BudgetComparison]:
    """One row per policy that has a budget on either side, in the order of the policies."""
    before, after = (_budgets(judged) for judged in (in_use, candidate))
    return [BudgetComparison(name, before.get(name), after.get(name)) for name in {**before, **after}]


def _budgets(judged: Judged) -> Mapping[str, BudgetUse]:
    hours = Counter(
        # Times are RFC 3339 in UTC: up to the hour they are equal if it is the same.
        (each.policy, each.opened_at[: len("2026-11-25T08")])
        for each in judged.findings.episodes.values()
    )
    beyond = judged.findings.counters.beyond_budget
    return {
        name: BudgetUse(
            policy.per_hour,
            max((count for (each, _), count in hours.items() if each == name), default=0),
            sum(count for each, count in beyond.items() if each.policy == name),
        )
        for name, policy in _switched_on(judged).items()
        if policy.per_hour is not None
    }


class ClockComparison(NamedTuple):
    """How often a step of the clocks of a duty was taken: `armed`, `lapsed`, and so on."""

    duty: str
    step: str
    in_use: int
    candidate: int


def clocks_compared(in_use: Judged, candidate: Judged) -> list[ClockComparison]:
    """One row per duty and step of its clocks that differs."""
    before, after = (judged.findings.clocks for judged in (in_use, candidate))
    return [
        ClockComparison(*key, before[key], after[key])
        for key in sorted({*before, *after})
        if before[key] != after[key]
    ]


def _highest(judged: Judged) -> Mapping[tuple[str, str], OpenedEpisode]:
    found: dict[tuple[str, str], OpenedEpisode] = {}
    for episode in judged.findings.episodes.values():
        key = episode.policy, episode.channel
        if key not in found or episode.level > found[key].level:
            found[key] = episode
    return found


def _switched_on(judged: Judged) -> Mapping[str, Policy]:
    return {name: policy for name, policy in judged.policies.items() if policy.mode != "off"}


def _level_names(policy: Policy | None) -> Mapping[int, str]:
    return {} if policy is None else {level.level: level.name for level in policy.levels}


def _mode(before: Policy | None, after: Policy | None) -> str:
    old, new = (policy.mode if policy else "off" for policy in (before, after))
    return new if old == new else f"{old} -> {new}"


def _reached(episodes: Collection[OpenedEpisode]) -> Counter[tuple[str, int]]:
    return Counter((episode.policy, level) for episode in episodes for level in range(1, episode.level + 1))
