"""The sizes of a partition's state of reports, for operators; no decision depends on them."""

from collections import Counter

from streams.deciding.partition.census import Census, take_census
from streams.deciding.reports.escalation.episodes import Open
from streams.deciding.reports.state import ReportState


def take_report_census(state: ReportState) -> Census:
    """Return `take_census` with the counts and episodes of the stage of reports added."""
    census = take_census(state)
    return census._replace(
        records={
            **census.records,
            "counts": len(state.counts),
            "episodes": len(state.episodes),
            "hash_keys": 1,
        },
        sizes={**census.sizes, "counts": state.counts.size},
        hash_key=state.reporter_keys.current,
        earlier_hash_keys=state.reporter_keys.earlier,
    )


def open_episodes(state: ReportState) -> Counter[tuple[str, str, int]]:
    """Count open episodes by (policy, mode, level), in some 0.3 us each.

    Later changes are in the counters of each batch.
    """
    return Counter(
        (policy, mode, episode.level)
        for of_channel in state.episodes.values()
        for (policy, mode), episode in of_channel.items()
        if isinstance(episode, Open)
    )
