"""Two trials of the same reports, side by side."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.commands.policy.trial import Episode, Trial
from streams.registry.rules import Policy


class LevelRow(NamedTuple):
    """How many episodes of a policy came to a level at least; None where there is no such level, or it is off.

    `mode` is that of the policy, with what it was before where the candidate changes it.
    """

    policy: str
    mode: str
    level: int
    level_name: str
    in_use: int | None
    candidate: int | None


def levels_compared(in_use: Trial, candidate: Trial) -> list[LevelRow]:
    """A row for each level of each policy of either side: those in use in their order, then new ones."""
    before, after = (_switched_on(trial) for trial in (in_use, candidate))
    reached_before, reached_after = (_reached(trial.episodes.values()) for trial in (in_use, candidate))
    rows = []
    for policy in {**before, **after}:
        names_before, names_after = _level_names(before.get(policy)), _level_names(after.get(policy))
        rows += [
            LevelRow(
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


def only_in(trial: Trial, other: Trial) -> list[Episode]:
    """The episodes of a trial in channels where the policy opened none in the other, the newest first."""
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


def _reached(episodes: Collection[Episode]) -> Counter[tuple[str, int]]:
    return Counter((episode.policy, level) for episode in episodes for level in range(1, episode.level + 1))
