"""Compares two trials of the same reports."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.commands.policy.trial import OpenedEpisode, Trial
from streams.registry.policy import Policy


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


def levels_compared(in_use: Trial, candidate: Trial) -> list[LevelComparison]:
    """One row per level of every policy of either side: those in use first, in their order, then new ones."""
    before, after = (_switched_on(trial) for trial in (in_use, candidate))
    reached_before, reached_after = (_reached(trial.episodes.values()) for trial in (in_use, candidate))
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


def questions_compared(in_use: Trial, candidate: Trial) -> list[QuestionComparison]:
    """One row per policy about which either side would ask, in the order of the policies."""
    before, after = (Counter(trial.asked.values()) for trial in (in_use, candidate))
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


def only_in(trial: Trial, other: Trial) -> list[OpenedEpisode]:
    """The episodes of `trial`, newest first, in channels where the same policy opened none in `other`."""
    known = {(episode.policy, episode.channel) for episode in other.episodes.values()}
    found = [episode for episode in trial.episodes.values() if (episode.policy, episode.channel) not in known]
    return sorted(found, key=lambda episode: episode.opened_at, reverse=True)


def _switched_on(trial: Trial) -> Mapping[str, Policy]:
    return {policy.id: policy for policy in trial.rules.policies if policy.mode != "off"}


def _level_names(policy: Policy | None) -> Mapping[int, str]:
    return {} if policy is None else {level.level: level.name for level in policy.levels}


def _mode(before: Policy | None, after: Policy | None) -> str:
    old, new = (policy.mode if policy else "off" for policy in (before, after))
    return new if old == new else f"{old} -> {new}"


def _reached(episodes: Collection[OpenedEpisode]) -> Counter[tuple[str, int]]:
    return Counter((episode.policy, level) for episode in episodes for level in range(1, episode.level + 1))
