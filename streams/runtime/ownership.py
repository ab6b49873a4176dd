"""The partitions that this worker owns: follows the group's assignment, with one `PartitionOwner` for each."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic

from faust.types import TP

from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.partition_owner import PartitionOwner
from streams.runtime.stage import State

# How many partitions a worker takes over at the same time. Each opens a producer and a consumer, and may fetch 16 MiB
# at once. A takeover mostly waits for answers. 48 partitions of 5,000 state records took 10 to 26 s with 8 at once, 11
# to 26 s with all at once and 23 to 32 s one by one (two cores with other work on them). But all at once held the event
# loop up for as long as 6 s, 8 for 1.1 s at most.
TAKEOVERS_AT_ONCE = 8


class Ownership(Generic[State]):
    """The owners by partition number. One owner has partition n of all `sources` (topic names with prefix).

    `takeovers` bounds how many partitions are taken over at the same time; the stages of a worker share it.
    """

    def __init__(
        self,
        sources: Collection[str],
        new_owner: Callable[[int], PartitionOwner[State]],
        takeovers: asyncio.Semaphore,
    ) -> None:
        self.owners: dict[int, PartitionOwner[State]] = {}
        # Held while writing, and while owners change.
        self.turn = asyncio.Lock()
        self._sources = sources
        self._new_owner = new_owner
        self._takeovers = takeovers
        self._generation = 0
        self._settled = False

    async def follow(self, assigned: Iterable[TP], generation: int) -> list[int]:
        """Release partitions that are no longer assigned, take over the new ones, and return their numbers.

        An owner is kept over a rebalance only if this worker was a member of the previous generation;
        otherwise another worker may have owned the partition in between and changed its state. Raises
        RefusedToStart when a partition is assigned without its counterparts in the other source topics. The
        first error of a takeover ends all others, and no partition is taken over.
        """
        wanted = self._whole_partitions(assigned)
        missed_a_generation = generation not in (self._generation, self._generation + 1)
        async with self.turn:
            for partition in list(self.owners):
                if partition not in wanted or missed_a_generation:
                    await self.owners.pop(partition).release()
            self._generation = generation
            taken = sorted(wanted - self.owners.keys())
            new = {partition: self._new_owner(partition) for partition in taken}
            try:
                # The first error cancels the other takeovers and waits for them: one that went on could start a
                # producer after its release.
                async with asyncio.TaskGroup() as tasks:
                    running = {n: tasks.create_task(self._take_over(owner)) for n, owner in new.items()}
                cancelled = [n for n, task in running.items() if task.cancelled()]
                if cancelled:
                    # Not by our code, and a task group does not take it for an error.
                    raise OwnershipLost(
                        f"the takeover of partitions {cancelled} was cancelled before it ended"
                    )
            except BaseException as error:
                await asyncio.gather(*(owner.release() for owner in new.values()), return_exceptions=True)
                if isinstance(error, BaseExceptionGroup):
                    # The log is clearer with the first error alone.
                    raise error.exceptions[0] from None
                raise
            self.owners.update(new)
            self._settled = True
        return taken

    async def _take_over(self, owner: PartitionOwner[State]) -> None:
        async with self._takeovers:
            await owner.take_over()

    def _whole_partitions(self, assigned: Iterable[TP]) -> set[int]:
        tps = set(assigned)
        partitions = {tp.partition for tp in tps if tp.topic in self._sources}
        for partition in sorted(partitions):
            missing = [topic for topic in self._sources if TP(topic, partition) not in tps]
            if missing:
                raise RefusedToStart(
                    f"partition {partition} was assigned without its counterpart in {', '.join(missing)}: the topic "
                    "was deleted, or the partition counts differ. Run `tocsin topics check` to see what is wrong."
                )
        return partitions

    async def unsettle(self) -> None:
        """Note that a rebalance began: until `follow`, another worker may become the owner of our partitions."""
        async with self.turn:
            self._settled = False

    def settled_owners(self) -> list[PartitionOwner[State]]:
        """The owners that may write without having received records, as ticks do; none during a rebalance."""
        return list(self.owners.values()) if self._settled else []

    async def release_all(self) -> None:
        """Release all partitions, at the end of the process."""
        owners, self.owners = self.owners, {}
        await asyncio.gather(*(owner.release() for owner in owners.values()), return_exceptions=True)

    def positions(self) -> Mapping[TP, int]:
        """The next offset to fetch of every owned source partition."""
        return {
            TP(topic, owner.partition): source.next_offset
            for owner in self.owners.values()
            for topic, source in owner.position.items()
        }
