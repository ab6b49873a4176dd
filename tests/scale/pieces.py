"""What one worker computes for the whole fleet, in processor time."""

import time
from collections.abc import Callable, Sequence

from streams.running.alignment.progress_row import ProgressRow, decode_row, encode_row
from streams.running.alignment.rule import Fleet
from streams.running.log.claims import (
    ClaimsLog,
    StatePartition,
    claim_record,
    claim_value,
    release_record,
)
from tests.model.virtual_time import BEGIN
from tests.scale.fleet import shipped_stages
from tests.scale.stories import started_group

NOW = int(BEGIN * 1000)
BEHIND = NOW - 7_200_000

# How often alignment looks at its sources while one is behind, and how many rows a worker writes, a second.
LOOKS, ROWS = 40, 5

Size = Sequence[int]


def pieces(sizes: Sequence[Size]) -> str:
    """A table with a column for each size."""
    lines = [["ms of one worker's processor", *(f"{w} workers, {p:,} partitions" for w, p in sizes)]]
    lines.append(["---"] * len(lines[0]))
    for name, measured in PIECES.items():
        lines.append([name, *(format(1000 * measured(*size), ".1f") for size in sizes)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def leader(workers: int, partitions: int) -> float:
    """The leader of the group shares the partitions."""
    return started_group(workers, partitions).leader_seconds


def claims(workers: int, partitions: int) -> float:
    """A takeover takes in what all workers have released and claimed since the last one."""
    stages = list(shipped_stages())
    places = [StatePartition(stage, n) for stage in stages for n in range(partitions)]
    rows = []
    for number, place in enumerate(places):
        owner = f"tocsin-worker-{number % workers:04}-0123456789ab"
        claim = claim_record(place, owner, claim_value(5, owner))
        rows += [claim, release_record(place, owner), claim]
    log = ClaimsLog()
    started = time.process_time()
    for key, value, _ in rows:
        assert key is not None
        log.add(key, value)
    log.claimants(places[: len(places) // workers])
    return time.process_time() - started


def alignment(workers: int, partitions: int) -> float:
    """A second of a catch-up: the rows of all are heard, and each source is looked at."""
    fleet = Fleet(partitions, has_relays=True)
    each = partitions // workers
    rows = [
        encode_row(
            ProgressRow(
                behind=True,
                frontiers={n: BEHIND + n for n in range(number * each, (number + 1) * each)},
                relays=tuple(range(number * each, (number + 1) * each)),
                seen=number,
            )
        )
        for number in range(workers)
    ]
    heard = 0
    fleet.note(ProgressRow(behind=True), 0.0, NOW)
    started = time.process_time()
    for look in range(LOOKS):
        now = look / LOOKS
        for row in rows[look % (LOOKS // ROWS) :: LOOKS // ROWS]:
            decoded = decode_row(row)
            assert decoded is not None
            fleet.hear(heard, decoded, now, NOW)
            heard += 1
        fleet.confirm(fleet.seen_by_relays(now))
        fleet.count_waiting(now)
        # Three sources of each partition.
        for _ in range(3 * each):
            fleet.until(BEHIND, BEHIND, fleet.confirmed, now, NOW)
    return time.process_time() - started


PIECES: dict[str, Callable[[int, int], float]] = {
    "sharing the partitions, once a rebalance, the leader": leader,
    "claims, each takeover": claims,
    "alignment, each second of a catch-up": alignment,
}
