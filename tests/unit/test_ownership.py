import asyncio

import pytest
from faust.types import TP

from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.ownership import Ownership
from streams.runtime.position import SourcePosition


class Owner:
    """A replacement for PartitionOwner that logs its calls."""

    def __init__(self, partition, log):
        self.partition = partition
        self.log = log
        self.position = {"reports": SourcePosition(10 + partition, 4, None)}

    async def take_over(self):
        self.log.append(("take over", self.partition))

    async def release(self):
        self.log.append(("release", self.partition))


SOURCES = ("reports", "outcomes", "reports-internal")


def tps(*partitions):
    return [TP(topic, n) for n in partitions for topic in SOURCES]


@pytest.fixture
def log():
    return []


@pytest.fixture
def ownership(log):
    return Ownership(SOURCES, lambda partition: Owner(partition, log), asyncio.Semaphore(8))


def follow(ownership, generation, *partitions):
    asyncio.run(ownership.follow(tps(*partitions), generation))


def test_each_partition_number_is_taken_over_once(ownership, log):
    follow(ownership, 1, 0, 1)
    assert log == [("take over", 0), ("take over", 1)]
    assert ownership.positions() == {TP("reports", 0): 10, TP("reports", 1): 11}


def test_kept_partitions_stay_and_lost_partitions_are_released(ownership, log):
    follow(ownership, 1, 0, 1)
    kept = ownership.owners[0]
    log.clear()
    follow(ownership, 2, 0, 2)
    assert log == [("release", 1), ("take over", 2)]
    assert ownership.owners[0] is kept


def test_following_the_same_generation_again_changes_nothing(ownership, log):
    follow(ownership, 1, 0)
    log.clear()
    follow(ownership, 1, 0)
    assert log == []


def test_after_a_missed_generation_kept_partitions_are_taken_over_again(ownership, log):
    follow(ownership, 1, 0)
    log.clear()
    follow(ownership, 3, 0)
    assert log == [("release", 0), ("take over", 0)]


def test_no_owner_is_settled_during_a_rebalance(ownership):
    follow(ownership, 1, 0)
    assert [owner.partition for owner in ownership.settled_owners()] == [0]
    asyncio.run(ownership.unsettle())
    assert ownership.settled_owners() == []
    follow(ownership, 2, 0)
    assert [owner.partition for owner in ownership.settled_owners()] == [0]


def test_a_failed_takeover_leaves_no_owner_and_releases_every_producer(log):
    class Failing(Owner):
        async def take_over(self):
            await super().take_over()
            if self.partition == 1:
                raise RefusedToStart("wrong")

    ownership = Ownership(SOURCES, lambda partition: Failing(partition, log), asyncio.Semaphore(8))
    with pytest.raises(RefusedToStart, match="wrong"):
        follow(ownership, 1, 0, 1)
    assert ownership.owners == {}
    assert sorted(entry for entry in log if entry[0] == "release") == [("release", 0), ("release", 1)]


def test_the_stages_of_a_worker_take_over_a_limited_number_of_partitions_at_once():
    running = most = 0

    class Slow(Owner):
        async def take_over(self):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1

    async def scenario():
        takeovers = asyncio.Semaphore(3)
        stages = [Ownership(SOURCES, lambda n: Slow(n, []), takeovers) for _ in range(2)]
        await asyncio.gather(*(stage.follow(tps(*range(10)), 1) for stage in stages))
        return [len(stage.owners) for stage in stages]

    assert asyncio.run(scenario()) == [10, 10]
    assert most == 3


def test_the_first_error_ends_the_other_takeovers_before_their_release(log):
    class Mixed(Owner):
        async def take_over(self):
            await super().take_over()
            if self.partition == 1:
                raise RefusedToStart("wrong")
            try:
                await asyncio.sleep(60)
            finally:
                # What a cancelled takeover still has to do.
                await asyncio.sleep(0.01)
                self.log.append(("ended", self.partition))

    async def scenario():
        ownership = Ownership(SOURCES, lambda n: Mixed(n, log), asyncio.Semaphore(2))
        with pytest.raises(RefusedToStart, match="wrong"):
            async with asyncio.timeout(10):
                await ownership.follow(tps(0, 1, 2, 3), 1)
        return ownership, asyncio.all_tasks() - {asyncio.current_task()}

    ownership, left = asyncio.run(scenario())
    assert (ownership.owners, left) == ({}, set())
    ends = [at for at, (what, _) in enumerate(log) if what == "ended"]
    releases = [at for at, (what, _) in enumerate(log) if what == "release"]
    assert ends
    assert max(ends) < min(releases)
    # Whatever had not begun does not begin any more.
    assert ("take over", 3) not in log
    assert sorted(n for what, n in log if what == "release") == [0, 1, 2, 3]


def test_a_takeover_that_was_cancelled_from_within_is_an_error(log):
    class Cancelled(Owner):
        async def take_over(self):
            raise asyncio.CancelledError

    ownership = Ownership(SOURCES, lambda n: Cancelled(n, log), asyncio.Semaphore(8))
    with pytest.raises(OwnershipLost, match=r"takeover of partitions \[0\] was cancelled"):
        follow(ownership, 1, 0)
    assert ownership.owners == {}


def test_a_partition_without_its_counterpart_is_refused(ownership, log):
    with pytest.raises(
        RefusedToStart,
        match=r"partition 2 was assigned without its counterpart in outcomes, reports-internal",
    ):
        asyncio.run(ownership.follow([*tps(0, 1), TP("reports", 2)], 1))
    assert log == []


def test_topics_of_other_stages_are_ignored(ownership, log):
    asyncio.run(ownership.follow([*tps(0), TP("other", 7)], 1))
    assert log == [("take over", 0)]


def test_every_owner_can_be_released(ownership, log):
    follow(ownership, 1, 0, 1)
    log.clear()
    asyncio.run(ownership.release_all())
    assert sorted(log) == [("release", 0), ("release", 1)]
    assert ownership.positions() == {}
