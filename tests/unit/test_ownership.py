import asyncio

import pytest
from faust.types import TP

from streams.runtime.errors import RefusedToStart
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
    return Ownership(SOURCES, lambda partition: Owner(partition, log))


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

    ownership = Ownership(SOURCES, lambda partition: Failing(partition, log))
    with pytest.raises(RefusedToStart, match="wrong"):
        follow(ownership, 1, 0, 1)
    assert ownership.owners == {}
    assert sorted(entry for entry in log if entry[0] == "release") == [("release", 0), ("release", 1)]


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
