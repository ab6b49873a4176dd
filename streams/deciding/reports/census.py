"""The sizes of a partition's state of reports, for operators; no decision depends on them."""

from collections import Counter

from streams.deciding.partition.census import Census, take_census
from streams.deciding.reports.escalation.episodes import EpisodeKey, Open
from streams.deciding.reports.state import ReportState

# What a channel with an episode takes in memory.
_EPISODES_BYTES = 2_000


def take_report_census(state: ReportState) -> Census:
    """Return `take_census` with what only the stage of reports keeps: counts, episodes, who reported what."""
    census = take_census(state)
    stores = {"counts": state.counts, **state.crowd.by_kind}
    return census._replace(
        records={
            **census.records,
            **{kind: len(store) for kind, store in stores.items()},
            "episodes": len(state.episodes),
            "resting": len(state.budgets),
            "samples": len(state.samples),
            "hash_keys": 1,
        },
        sizes={**census.sizes, **{kind: store.size for kind, store in stores.items()}},
        memory={
            **census.memory,
            **{kind: store.memory for kind, store in stores.items()},
            "episodes": len(state.episodes) * _EPISODES_BYTES,
        },
        hash_key=state.reporter_keys.current,
        earlier_hash_keys=state.reporter_keys.earlier,
    )


def open_episodes(state: ReportState) -> Counter[tuple[str, str, int]]:
    """Count open episodes by (policy, mode, level), without those that wait for a budget.

    Later changes are in the counters of each batch.
    """
    return Counter(
        (policy, mode, episode.level)
        for channel, of_channel in state.episodes.items()
        for (policy, mode), episode in of_channel.items()
        if isinstance(episode, Open) and state.budgets.rest_of(EpisodeKey(channel, policy, mode)) is None
    )
