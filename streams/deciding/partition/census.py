"""The sizes of a partition's state, for operators; no judgement depends on them."""

from collections.abc import Mapping
from typing import NamedTuple

from streams.contract.events.clock import RunningStatus
from streams.deciding.partition.state import PartitionState

# What clocks take in memory for each byte of their records, and remembered ids for each of theirs.
_CLOCKS_PER_BYTE = 4 / 3
_DUPLICATES_PER_BYTE = 22 / 8

# `over`: a wait has ended, and what had to wait is owed.
OPEN_STATUSES: tuple[RunningStatus, ...] = ("running", "paused", "lapsed", "over")


class Census(NamedTuple):
    """`records` by kind of state record, `sizes` in bytes of the kinds that can be large.

    `memory` is about what these kinds take in the process. Each store counts it as it changes.
    `time` is the partition's (ms since the epoch), 0 before anything was applied; `recent_dead_letters` are
    those among the last 1,000 records. `clocks` are the open ones by status, `clocks_nearly_due` the running
    ones with less than a tenth of their time left. `ids_known` is for how many ms of the partition's time all
    ids are remembered, None if none was forgotten. `has_room`: what is not known yet is taken. `hash_key` is
    the id of the key for reporters, None in a stage that hashes none; `earlier_hash_keys` has the ids of
    those that are needed until a time (ms). `rule_set` is the set of rules by which the partition is judged,
    None for the files of the installation.
    """

    records: Mapping[str, int]
    time: int
    recent_dead_letters: int
    clocks: Mapping[RunningStatus, int]
    clocks_nearly_due: int
    sizes: Mapping[str, int]
    memory: Mapping[str, int]
    ids_known: int | None
    has_room: bool = True
    hash_key: str | None = None
    earlier_hash_keys: Mapping[str, int] = {}
    rule_set: str | None = None


def take_census(state: PartitionState) -> Census:
    """Return the sizes of what every stage stores; takes as long for a large state as for a small one."""
    now, forgotten = state.time.now, state.recent.forgotten_until
    return Census(
        records={"clocks": len(state.clocks), "duplicates": state.recent.slots, "time": 1},
        time=now,
        recent_dead_letters=state.breaker.dead_letters,
        clocks={status: state.clocks.by_status[status] for status in OPEN_STATUSES},
        clocks_nearly_due=len(state.clocks.nearly_due),
        sizes={"clocks": state.clocks.size, "duplicates": state.recent.size},
        memory={
            "clocks": int(state.clocks.size * _CLOCKS_PER_BYTE),
            "duplicates": int(state.recent.size * _DUPLICATES_PER_BYTE),
        },
        ids_known=now - forgotten if forgotten else None,
        has_room=state.newcomers.has_room,
        rule_set=state.rules.rule_set,
    )
