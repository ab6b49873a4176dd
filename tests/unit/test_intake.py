import asyncio
import time

from streams.runtime import intake


class Owner:
    """The part of a PartitionOwner that the chores use. Its request to the brokers yields to other tasks."""

    def __init__(self, partition, log):
        self.partition = partition
        self.log = log
        self.last_applied_at = time.monotonic()
        self.markers_stepped_at = time.monotonic() - 2 * intake.MARKERS_SECONDS

    async def step_over_markers(self):
        self.log.append(self.partition)
        await asyncio.sleep(0)


class Owned:
    def __init__(self, owners):
        self.turn = asyncio.Lock()
        self.owners = owners

    def settled_owners(self):
        return list(self.owners)


def test_batches_are_applied_between_the_requests_for_several_partitions(monkeypatch):
    monkeypatch.setattr(intake, "TICK_CHECK_SECONDS", 0)
    looks = []

    async def scenario():
        asked = []
        ownership = Owned([Owner(partition, asked) for partition in range(3)])
        chores = asyncio.create_task(intake._do_chores(ownership))
        while len(looks) < 6:
            async with ownership.turn:
                looks.append(list(asked))
            await asyncio.sleep(0)
        chores.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 5))
    # A batch gets the lock between any two requests, and there is one request per partition.
    assert [len(looks[at + 1]) - len(looks[at]) for at in range(len(looks) - 1)].count(1) == 3
    assert looks[-1] == [0, 1, 2]
