"""What happens to a fleet, and what it costs."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.topics import CLAIMS, MESSAGE_REPORTS, WORKER_PROGRESS
from tests.model.virtual_time import BEGIN
from tests.scale.fleet import RESTART_SECONDS, Fleet
from tests.scale.group import Group

Happening = Callable[[Fleet, int], Coroutine[Any, Any, int]]
"""Something that happens to a fleet of so many workers; returns how many there are afterwards."""


class Figures(NamedTuple):
    """What a story cost. Seconds are simulated."""

    workers: int
    partitions: int
    seconds: float
    # How long partitions had no owner at a time, and the worst of them in all.
    median_gap: float
    longest_gap: float
    most_ownerless: float
    rebalances: int
    takeovers: int
    claims_written: int
    claims_read: int
    claims_read_per_takeover: float
    # By the worker that has been there for longest.
    claims_read_by_who_stayed: int
    claims_bytes_read: int
    requests: int
    requests_per_second: float
    busiest_second: int
    requests_per_takeover: float
    rows_written: int
    rows_read: int
    rows_bytes_read: int
    group_record_bytes: int
    by_kind: dict[str, int]


def measure(fleet: Fleet, workers: int) -> Figures:
    """The figures since `fleet.begin`."""
    counts, seconds = fleet.brokers.counts, fleet.loop.now - fleet.brokers.counts.began
    gaps = sorted(each for each in fleet.longest.values() if each)
    takeovers = fleet.takeovers
    asked = counts.requests.total() - counts.requests["markers"]
    # Fetches of sources and heartbeats go on all the time.
    taking = sum(counts.requests[kind] for kind in ("offsets", "fence", "join", "sync", "metadata", "init"))
    return Figures(
        workers=workers,
        partitions=fleet.partitions,
        seconds=seconds,
        median_gap=gaps[len(gaps) // 2] if gaps else 0.0,
        longest_gap=gaps[-1] if gaps else 0.0,
        most_ownerless=max(fleet.ownerless.values()),
        rebalances=fleet.group.rebalances,
        takeovers=takeovers,
        claims_written=counts.records_written[CLAIMS],
        claims_read=counts.records_read[CLAIMS],
        claims_read_per_takeover=counts.records_read[CLAIMS] / max(1, takeovers),
        claims_read_by_who_stayed=counts.claims_read_by[fleet.workers[0].name],
        claims_bytes_read=counts.bytes_read[CLAIMS],
        requests=asked,
        requests_per_second=asked / seconds,
        busiest_second=max(counts.by_second.values()),
        requests_per_takeover=taking / max(1, takeovers),
        rows_written=counts.records_written[WORKER_PROGRESS],
        rows_read=counts.records_read[WORKER_PROGRESS],
        rows_bytes_read=counts.bytes_read[WORKER_PROGRESS],
        group_record_bytes=fleet.group.record_bytes,
        by_kind=dict(counts.requests),
    )


async def quiet(_fleet: Fleet, workers: int) -> int:
    """Nothing happens for ten seconds."""
    await asyncio.sleep(10)
    return workers


async def rolling_restart(fleet: Fleet, workers: int) -> int:
    """Each worker is stopped and started again, a tenth of them at a time."""
    at_a_time = max(1, workers // 10)
    for old in [fleet.workers[n : n + at_a_time] for n in range(0, workers, at_a_time)]:
        await asyncio.gather(*(fleet.stop(worker) for worker in old))
        await asyncio.sleep(RESTART_SECONDS)
        fleet.start(len(old))
        await fleet.settled(workers)
    return workers


async def coming_and_going(fleet: Fleet, workers: int) -> int:
    """One worker is replaced five times. The others stay."""
    for _ in range(5):
        await fleet.stop(fleet.workers[-1])
        await asyncio.sleep(RESTART_SECONDS)
        fleet.start()
        await fleet.settled(workers)
    return workers


async def loss_of_a_third(fleet: Fleet, workers: int) -> int:
    """A third is killed at once, and not replaced."""
    lost = workers // 3
    for worker in fleet.workers[:lost]:
        fleet.kill(worker)
    return workers - lost


async def slow_coordinator(fleet: Fleet, workers: int) -> int:
    """A third is killed while coordinators answer slowly: a second late, those of transactions .2 s."""
    fleet.group.delay_seconds, fleet.brokers.coordinator_seconds = 1.0, 0.2
    return await loss_of_a_third(fleet, workers)


async def growth(fleet: Fleet, workers: int) -> int:
    """Nine times as many workers are added within half a minute."""
    for _ in range(9):
        fleet.start(workers)
        await asyncio.sleep(30 / 9)
    return 10 * workers


async def backlog(fleet: Fleet, workers: int) -> int:
    """All sources are two hours behind, and then read side by side."""
    await asyncio.gather(*(fleet.stop(worker) for worker in list(fleet.workers)))
    publish(fleet, 12, span_ms=2 * 3_600_000)
    fleet.begin()
    fleet.start(workers)
    return workers


def publish(fleet: Fleet, each: int, span_ms: int = 0) -> None:
    """Publish so many reports to each partition, of the time until now."""
    now = int((BEGIN + fleet.loop.now) * 1000)
    for partition in range(fleet.partitions):
        for number in range(each):
            fleet.published += 1
            body = {
                "report_id": f"r-{fleet.published}",
                "kind": "user_report",
                "occurred_at": rfc3339(now - span_ms + span_ms * number // each),
                "channel": {
                    "ref": f"channel-{fleet.published % (4 * fleet.partitions)}",
                    "visibility": "public",
                },
                "category": "spam",
                "reporter": {"kind": "user", "ref": f"u-{fleet.published}", "member": True},
            }
            row = (b"", msgspec.json.encode(body), [])
            fleet.brokers.append(TopicPartition(MESSAGE_REPORTS, partition), [row])


def started_group(workers: int, partitions: int) -> Group:
    """The group of a fleet that has just started, and was then joined by one more."""
    fleet = Fleet(partitions)

    async def story() -> None:
        fleet.start(workers)
        await fleet.settled(workers)
        fleet.start()
        await fleet.settled(workers + 1)

    fleet.loop.run(story())
    return fleet.group


def play(happening: Happening, workers: int, partitions: int) -> Figures:
    """Let it happen to a fleet that works, until every partition has its owner and all is applied."""
    fleet = Fleet(partitions)
    found = []

    async def story() -> None:
        helpers = [asyncio.create_task(each) for each in (fleet.brokers.clean(), fleet.group.expire())]
        fleet.start(workers)
        await fleet.settled(workers)
        # So that each partition has a position.
        publish(fleet, 2)
        await fleet.applied()
        fleet.begin()
        after = await happening(fleet, workers)
        await fleet.settled(after)
        await fleet.applied()
        found.append(measure(fleet, workers))
        for each in helpers:
            each.cancel()

    fleet.loop.run(story())
    return found[0]
