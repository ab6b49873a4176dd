"""Which partitions this worker owns: follows the group's assignment, one `PartitionOwner` for each."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic

from faust.types import TP

from streams.runtime.errors import RefusedToStart
from streams.runtime.partition_owner import PartitionOwner
from streams.runtime.stage import State


class Ownership(Generic[State]):
    """The owners by partition number. Partition n of all `sources` (topic names) has one owner."""

    def __init__(self, sources: Collection[str], new_owner: Callable[[int], PartitionOwner[State]]) -> None:
        self.owners: dict[int, PartitionOwner[State]] = {}
        # Whoever writes, or changes who owns what, holds this.
        self.turn = asyncio.Lock()
        self._sources = sources
        self._new_owner = new_owner
        self._generation = 0
        self._settled = False

    async def follow(self, assigned: Iterable[TP], generation: int) -> list[int]:
        """Give up what is no longer assigned, take over what is new, and say what that was.

        An owner is kept over a rebalance only if this worker took part in the generation just before: otherwise
        somebody else may have owned the partition in between and changed its state. Raises RefusedToStart when a
        partition comes without its counterparts in the other source topics.
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
                await asyncio.gather(*(owner.take_over() for owner in new.values()))
            except BaseException:
                await asyncio.gather(*(owner.release() for owner in new.values()), return_exceptions=True)
                raise
            self.owners.update(new)
            self._settled = True
        return taken

    def _whole_partitions(self, assigned: Iterable[TP]) -> set[int]:
        tps = set(assigned)
        partitions = {tp.partition for tp in tps if tp.topic in self._sources}
        for partition in sorted(partitions):
            missing = [topic for topic in self._sources if TP(topic, partition) not in tps]
            if missing:
                raise RefusedToStart(
                    f"partition {partition} came without its counterpart in {', '.join(missing)}: the topic was deleted "
                    "or the partition counts differ. `tocsin topics check` says what is there and what should be."
                )
        return partitions

    async def unsettle(self) -> None:
        """A rebalance began: until `follow`, another worker may become the owner of what is ours."""
        async with self.turn:
            self._settled = False

    def settled_owners(self) -> list[PartitionOwner[State]]:
        """The owners that may write of their own accord; none during a rebalance."""
        return list(self.owners.values()) if self._settled else []

    async def release_all(self) -> None:
        """Give everything up, at the end of the process."""
        owners, self.owners = self.owners, {}
        await asyncio.gather(*(owner.release() for owner in owners.values()), return_exceptions=True)

    def positions(self) -> Mapping[TP, int]:
        """Where fetching must go on, for every source partition owned."""
        return {
            TP(topic, owner.partition): source.next_offset
            for owner in self.owners.values()
            for topic, source in owner.position.items()
        }
