"""What a partition's state consists of, in numbers: for operators, never for a judgement."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from streams.assessment.episodes import Open
from streams.assessment.partition_memory import PartitionMemory
from streams.assessment.partition_state import PartitionState
from streams.events.clock import RunningStatus

OPEN_STATUSES: tuple[RunningStatus, ...] = ("running", "paused", "lapsed")


class Census(NamedTuple):
    """`records` by kind of state record, `sizes` in bytes of the kinds that can be large.

    `time` is the partition's (ms since the epoch), 0 before anything was applied; `recent_dead_letters` are those among
    the last 1,000 records. `clocks` are the open ones by status: running, paused or lapsed.
    """

    records: Mapping[str, int]
    time: int
    recent_dead_letters: int
    clocks: Mapping[RunningStatus, int]
    sizes: Mapping[str, int]


def take_census(state: PartitionMemory) -> Census:
    """Look at the sizes of what every stage keeps; takes as long for a large state as for a small one."""
    return Census(
        records={"clocks": len(state.clocks), "duplicates": state.recent.slots, "time": 1},
        time=state.now,
        recent_dead_letters=state.flood.dead_letters,
        clocks={status: state.clocks.numbers[status] for status in OPEN_STATUSES},
        sizes={"clocks": state.clocks.size, "duplicates": state.recent.size},
    )


def take_report_census(state: PartitionState) -> Census:
    """`take_census` with the counts and episodes that the stage of reports keeps besides."""
    census = take_census(state)
    return census._replace(
        records={**census.records, "counts": len(state.counts), "episodes": len(state.episodes)},
        sizes={**census.sizes, "counts": state.counts.size},
    )


def open_episodes(state: PartitionState) -> Counter[tuple[str, str, int]]:
    """Open episodes by (policy, mode, level). Looks at each, some 0.3 us; afterwards `Outcome.counters` tells changes."""
    return Counter(
        (policy, mode, episode.level)
        for of_channel in state.episodes.values()
        for (policy, mode), episode in of_channel.items()
        if isinstance(episode, Open)
    )
