"""A fleet reads its sources side by side while it catches up, whatever happens to it; live it costs nothing."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from streams.running.alignment.limits import PATIENCE_SECONDS, SILENCE_SECONDS, SPAN_MS
from streams.running.alignment.progress_row import decode_row
from streams.running.log.claims import StatePartition
from tests.model.catching_up import NOW, Fleet, Report, Worker, history, one_after_the_other
from tests.unit.traffic import HOUR, MINUTE

PARTITIONS = 8
# What publishers send late, in event time.
LATE = 4 * MINUTE
SECONDS = 120

Story = Callable[[Fleet], Coroutine[Any, Any, None]]


async def nothing_happens(_fleet: Fleet) -> None:
    """Let it work."""


def catch_up(
    reports: Sequence[Report],
    speeds: Sequence[float],
    story: Story = nothing_happens,
    stuck: dict[StatePartition, tuple[float, float]] | None = None,
    seconds: float = SECONDS,
) -> Fleet:
    """A fleet that has applied reports which had been published before it started."""
    fleet = Fleet(PARTITIONS, speeds, seed=3)
    fleet.stuck |= stuck or {}

    async def scenario() -> None:
        fleet.publish(reports)
        await fleet.start()
        telling = asyncio.create_task(story(fleet))
        await fleet.until_applied(len(reports), seconds)
        telling.cancel()

    fleet.loop.run(scenario())
    assert fleet.episodes() == one_after_the_other(reports, PARTITIONS)
    return fleet


@pytest.mark.slow
@pytest.mark.parametrize("speeds", [pytest.param((1,), marks=pytest.mark.nightly), (1, 1, 0.15)])
def test_a_backlog_leads_to_the_same_escalations_as_one_report_after_the_other(
    speeds: Sequence[float],
) -> None:
    """However fast each worker is. The history was published within seconds, so append times say nothing."""
    reports = history(1, 4, PARTITIONS, until=NOW - 2 * MINUTE)
    fleet = catch_up(reports, speeds)
    assert fleet.disorder <= SPAN_MS + LATE
    # Who owns everything has nobody to tell.
    assert bool(fleet.rows()) == (len(speeds) > 1)


@pytest.mark.slow
def test_without_it_homes_get_what_is_hours_old_after_what_is_new() -> None:
    """The world of these tests shows the fault."""
    reports = history(1, 4, PARTITIONS, until=NOW - 2 * MINUTE)
    fleet = Fleet(PARTITIONS, (1,))
    fleet.workers[0].alignment.follow = lambda **_: None  # type: ignore[method-assign]

    async def scenario() -> None:
        fleet.publish(reports)
        await fleet.start()
        await fleet.until_applied(len(reports), SECONDS)

    fleet.loop.run(scenario())
    assert fleet.disorder > 3 * HOUR


@pytest.mark.nightly
def test_a_relay_that_stops_for_a_while_is_waited_for() -> None:
    reports = history(2, 2, PARTITIONS, until=NOW - 2 * MINUTE)
    fleet = catch_up(reports, (1, 1, 1), stuck={StatePartition("reporters", 2): (3, 11)})
    assert fleet.disorder <= SPAN_MS + LATE
    assert fleet.loop.now > 11


@pytest.mark.slow
def test_nobody_waits_for_a_worker_that_is_gone() -> None:
    """Its partitions are not taken over here, so their reports are never read; the others go on."""
    reports = history(2, 1, PARTITIONS, until=NOW - 2 * MINUTE)
    gone: list[Worker] = []
    applied: list[int] = []

    async def kill(fleet: Fleet) -> None:
        await asyncio.sleep(1)
        gone.append(fleet.workers[1])
        fleet.workers[1].kill()
        await asyncio.sleep(3)
        applied.append(fleet.number_applied())

    with pytest.raises(AssertionError, match=f"of {len(reports)} applied"):
        catch_up(reports, (1, 1, 1), kill, seconds=SILENCE_SECONDS + 60)
    (worker,) = gone
    fleet = worker.fleet
    lost = {place.partition for place in worker.ownership.owners if place.stage == "reports"}
    assert lost
    assert fleet.loop.now > SILENCE_SECONDS
    for partition in set(range(PARTITIONS)) - lost:
        assert all(owned_position(fleet, partition) == len(log) for log in source_logs(fleet, partition))


def source_logs(fleet: Fleet, partition: int) -> list[list[Any]]:
    return [
        log.records
        for tp, log in fleet.brokers.partitions.items()
        if (tp.topic, tp.partition) == ("message-reports", partition)
    ]


def owned_position(fleet: Fleet, partition: int) -> int:
    (owner,) = (
        worker.ownership.owners[StatePartition("reports", partition)]
        for worker in fleet.workers
        if StatePartition("reports", partition) in worker.ownership.owners
    )
    return owner.position["message-reports"].next_offset


@pytest.mark.nightly
def test_places_may_move_at_any_time_of_a_catch_up() -> None:
    reports = history(4, 2, PARTITIONS, until=NOW - 2 * MINUTE)

    async def keep_moving(fleet: Fleet) -> None:
        while True:
            await asyncio.sleep(3)
            await fleet.rebalance()

    fleet = catch_up(reports, (1, 1, 0.5), keep_moving)
    assert fleet.disorder <= SPAN_MS + LATE


@pytest.mark.nightly
def test_a_quiet_night_in_all_sources_is_crossed() -> None:
    evening = history(5, 0.5, PARTITIONS, until=NOW - 9 * HOUR)
    morning = history(6, 0.5, PARTITIONS, until=NOW - 2 * MINUTE)
    renamed = [
        each._replace(value=each.value.replace(b'"n', b'"m').replace(b'"f', b'"g')) for each in morning
    ]
    fleet = catch_up([*evening, *renamed], (1, 1))
    assert fleet.disorder <= SPAN_MS + LATE


def live(seconds: float, per_second: int, workers: int) -> Fleet:
    """A fleet to which reports are published as they occur."""
    fleet = Fleet(PARTITIONS, [1] * workers)

    async def scenario() -> None:
        await fleet.start()
        published = 0
        while fleet.loop.now < seconds:
            await asyncio.sleep(0.5)
            new = history(published, 1 / 3600, PARTITIONS, 30 * per_second, 0, until=fleet.clock())
            renamed = [each._replace(value=each.value.replace(b'"n', b'"n%d-' % published)) for each in new]
            fleet.publish(renamed)
            published += len(renamed)
        await fleet.until_applied(published, 10)

    fleet.loop.run(scenario())
    return fleet


@pytest.mark.nightly
def test_live_traffic_costs_no_row_and_waits_for_nobody() -> None:
    fleet = live(30, 20, 3)
    assert fleet.number_applied() >= 300
    assert fleet.rows() == []


@pytest.mark.slow
def test_an_idle_fleet_writes_no_row() -> None:
    fleet = Fleet(2, (1, 1))

    async def scenario() -> None:
        await fleet.start()
        await asyncio.sleep(120)

    fleet.loop.run(scenario())
    assert fleet.rows() == []


@pytest.mark.nightly
def test_rows_end_when_nobody_is_behind() -> None:
    reports = history(1, 1, 2, a_minute=5, until=NOW - 2 * MINUTE)
    ended: list[int] = []

    async def scenario(fleet: Fleet) -> None:
        fleet.publish(reports)
        await fleet.start()
        await fleet.until_applied(len(reports), SECONDS)
        await asyncio.sleep(20)
        ended.append(len(fleet.rows()))
        await asyncio.sleep(60)
        ended.append(len(fleet.rows()))

    fleet = Fleet(2, (1, 1))
    fleet.loop.run(scenario(fleet))
    assert ended[0] == ended[1] > 0
    rows = [decode_row(record.value) for record in fleet.rows()]
    assert any(row is not None and row.behind for row in rows)


@pytest.mark.nightly
def test_live_traffic_does_not_wait_for_a_partition_that_stops() -> None:
    """Its reports wait; the others are applied as they come."""
    fleet = Fleet(PARTITIONS, (1, 1, 1))
    fleet.stuck[StatePartition("reports", 2)] = (5, 5 + 2 * PATIENCE_SECONDS)
    waited: list[float] = []

    async def scenario() -> None:
        await fleet.start()
        number = 0
        while fleet.loop.now < 120:
            number += 1
            before = fleet.number_applied()
            (new,) = history(number, 1 / 60, 1, 1, 0, until=fleet.clock())
            value = new.value.replace(b'"n0"', b'"n%d"' % number).replace(b'"u-', b'"w-')
            fleet.publish([new._replace(partition=3, value=value)])
            began = fleet.loop.now
            while fleet.number_applied() == before and fleet.loop.now - began < 10:
                await asyncio.sleep(0.05)
            waited.append(fleet.loop.now - began)
            await asyncio.sleep(1)

    fleet.loop.run(scenario())
    quick = [each for each in waited if each < 10]
    assert max(quick) < 3
    # Those whose home or reporter's home is in the worker that is stuck wait with it.
    assert len(quick) >= len(waited) / 4
