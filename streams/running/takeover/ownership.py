"""The partitions that this worker owns, of all stages: follows the group's assignment."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog
from faust.types import TP

from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log.claims import StatePartition
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.log import Destination, Log, Write
from streams.running.log.terms import Terms
from streams.running.log.transaction import STOPPING_SECONDS
from streams.running.log.writer import Writer
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.takeover.state_reading import Kept, StateReading
from streams.running.takeover.takeover import Claims, ClaimsView, IsCurrent
from streams.running.takeover.write_lock import WriteLock

logger = structlog.get_logger(__name__)

# How often to look whether the log of claims has a leader again.
_LOOK_SECONDS = 0.5

# When it has, those who went on without it release first what they no longer own: others would fence them.
_OTHERS_SECONDS = 2.0

NewOwner = Callable[[int], PartitionOwner[Any]]


class OwnedStage(NamedTuple):
    """A stage by its name: its source topics (with prefix), and how to make the owner of a partition."""

    sources: tuple[str, ...]
    new_owner: NewOwner


class Ownership:
    """The owners by stage and partition. Between `give_up` and the end of `follow` there are none."""

    def __init__(self, log: Log, writer: Writer, stages: Mapping[str, OwnedStage]) -> None:
        self.owners: dict[StatePartition, PartitionOwner[Any]] = {}
        # How many partitions the last takeover read, and how many state records.
        self.partitions_read = self.records_read = 0
        self.write_lock = WriteLock()
        self._log = log
        self._writer = writer
        self._stages = stages
        self._claims = Claims(log, writer)
        self._kept: dict[StatePartition, Kept] = {}
        # Whether the log of claims had no leader at the last rebalance. What was claimed before goes on.
        self.waits_for_claims = False
        # What the last takeover was asked for: generation, member, and whether they are current.
        self._asked: tuple[int, str, IsCurrent] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._interrupted = False
        # The generation whose assignment is taken over; None during a rebalance.
        self._followed: int | None = None

    def agree_on(self, terms: Terms) -> None:
        """What the workers that share partitions with this one must have alike; call before `follow`."""
        self._claims.terms = terms

    async def follow(
        self, assigned: Iterable[TP], generation: int, member: str, is_current: IsCurrent
    ) -> bool:
        """Take over what is assigned in a generation of the group.

        False if the next rebalance interrupted that. `is_current` asks the group whether the generation is
        still its own. Raises RefusedToStart when a partition is assigned without its counterparts in the
        other source topics, and when the others have other terms. After an error no partition is taken over.
        """
        if generation == self._followed:
            return True
        wanted = self._whole_partitions(assigned)
        self._interrupted = False
        taking = self._taking = asyncio.create_task(self._take_over(wanted, generation, member, is_current))
        await asyncio.wait([taking])
        if not taking.cancelled():
            taking.result()
            self._followed = generation
            return True
        if self._interrupted:
            return False
        # Not by our code. Faust does not take it for an error, so the worker would keep partitions that it
        # never takes over.
        raise OwnershipLost("the takeover was cancelled before it ended")

    async def take_over_again(self) -> None:
        """Own the same partitions under another transactional id, as they were committed.

        With the write lock, or within the transaction that is under way. Raises OwnershipLost when that
        fails, or when this process is put out of the group.
        """
        before, self.owners = self.owners, {}
        ended = await self._writer.renew()
        if self._asked is not None and (before or self._followed is not None):
            await self._take_over_places(list(before), *self._asked, before, (ended,))

    async def give_up(self) -> None:
        """Release all partitions; await it before the worker joins the group again.

        While the log of claims has no leader they stay claimed: nobody else can claim them. Their state stays
        in memory for the case that the worker gets them back and nobody has written to them, unless they are
        set aside or nobody knows how far the state is written. Raises OwnershipLost when the release failed;
        then the process must end.
        """
        await self._interrupt()
        self._followed = None
        async with self.write_lock:
            owners, self.owners = self.owners, {}
            claims = self._claims.tp
            await self._writer.look_at_troubles([claims, *(owner.state_log for owner in owners.values())])
            has_no_leader = self._writer.troubles.has_no_leader
            for place, owner in [*owners.items()]:
                if owner.attempts.is_set_aside or has_no_leader(owner.state_log):
                    owners.pop(place).released()
            if owners:
                ends = await self._writer.ends([owner.state_log for owner in owners.values()])
                self._kept = {place: Kept(owner, ends[owner.state_log]) for place, owner in owners.items()}
            if not has_no_leader(claims):
                await self._release()

    async def _release(self) -> None:
        try:
            await self._claims.release()
        except DestinationTrouble:
            # The leader went away meanwhile. These claims are now of an id that nobody uses, and who claims
            # the partitions next fences it.
            await self._writer.renew()

    async def end(self) -> None:
        """Release all partitions if the brokers answer, at the end of the process."""
        await self._interrupt()
        owners = self.known_owners()
        try:
            # With the lock, because a cycle that waits for a slow transaction would write after the release.
            async with asyncio.timeout(STOPPING_SECONDS), self.write_lock:
                if not await self.claims_have_leader():
                    raise OwnershipLost("the log of claims has no leader")
                await self._claims.release_for_good()
        except Exception as error:  # noqa: BLE001 - of a transaction: the cycle has raised it too
            logger.warning("stopped without releasing the partitions", error=str(error) or repr(error))
        self.owners = {}
        for owner in owners:
            owner.released()

    def notes(self) -> dict[Destination, list[Write]]:
        """What to write to the log of claims; mostly nothing.

        That something is ended which was left open; and the claims again, if the brokers would otherwise
        forget the transactional id of this process.
        """
        rows = self._claims.notes(again=self._writer.is_unused)
        return {self._claims.tp: rows} if rows else {}

    def known_owners(self) -> Iterable[PartitionOwner[Any]]:
        """The owners, and during a rebalance those from before it."""
        return list(self.owners.values()) or [kept.owner for kept in self._kept.values()]

    def positions(self) -> Mapping[TP, int | None]:
        """The next offset to fetch of every owned source partition; None while it cannot be read."""
        found: dict[TP, int | None] = {}
        for place, owner in self.owners.items():
            if not owner.position:
                found.update((TP(*tp), None) for tp in owner.source_logs())
            for topic, source in owner.position.items():
                found[TP(topic, place.partition)] = source.next_offset
        return found

    async def _interrupt(self) -> None:
        if self._taking is not None and not self._taking.done():
            self._interrupted = True
            self._taking.cancel()
            await asyncio.wait([self._taking])

    async def _take_over(
        self, wanted: list[StatePartition], generation: int, member: str, is_current: IsCurrent
    ) -> None:
        async with self.write_lock:
            self.partitions_read = self.records_read = 0
            for place in self._kept.keys() - set(wanted):
                self._kept.pop(place).owner.released()
            if self._kept and self._claims.places and not await self.claims_have_leader():
                self._asked = generation, member, is_current
                self._keep_what_is_claimed(wanted)
            else:
                await self._take_over_places(wanted, generation, member, is_current)
            if self._claims.since is None:
                self._claims.since = generation
            self._kept = {}

    async def claims_have_leader(self) -> bool:
        """Whether anybody can claim and release partitions."""
        log = self._claims.tp
        await self._writer.look_at_troubles([log])
        return not self._writer.troubles.has_no_leader(log)

    def _keep_what_is_claimed(self, wanted: Collection[StatePartition]) -> None:
        """Go on with what this process has claimed before the rebalance. The rest waits."""
        logger.warning(
            "the log of claims has no leader: partitions that were claimed before go on, the others wait",
            topic=self._claims.tp.topic,
            runbook="docs/runbooks/TocsinDestinationInTrouble.md",
        )
        owners = {}
        for place in wanted:
            kept = self._kept.get(place)
            owners[place] = (
                self._stages[place.stage].new_owner(place.partition) if kept is None else kept.owner
            )
            if kept is None:
                owners[place].take_over_without_state([self._claims.tp], {})
        self.owners = owners
        self.waits_for_claims = True

    async def _take_over_places(
        self,
        wanted: Collection[StatePartition],
        generation: int,
        member: str,
        is_current: IsCurrent,
        before: Mapping[StatePartition, PartitionOwner[Any]] = MappingProxyType({}),
        ended: Collection[str] = (),
    ) -> None:
        """The steps of takeover.py, again when the log of claims takes records: nobody can claim before that.

        `before` are the owners that this process had of the same partitions, under the ids that have `ended`.
        """
        self._asked = generation, member, is_current
        while True:
            try:
                await self._claim_and_read(wanted, generation, member, is_current, before, ended)
            except DestinationTrouble as failed:
                ended = [*ended, await self._writer.renew()]
                while self._writer.troubles.any_of([each.destination for each in failed.troubles]):
                    await asyncio.sleep(_LOOK_SECONDS)
                    await self._writer.look_at_troubles()
                await asyncio.sleep(_OTHERS_SECONDS)
            else:
                self.waits_for_claims = False
                return

    async def _claim_and_read(
        self,
        wanted: Collection[StatePartition],
        generation: int,
        member: str,
        is_current: IsCurrent,
        before: Mapping[StatePartition, PartitionOwner[Any]],
        ended: Collection[str],
    ) -> None:
        """Claim, look, fence, read, establish. Who owns nothing says its terms."""
        await self._claims.claim(wanted, generation, member)
        async with self._claims.viewing(is_current, ended) as view:
            await view.fence_others()
            owners = await self._read(wanted, view, before) if wanted else {}
            await view.note_fenced()
        # Established: from here on this process writes to these partitions, and nobody else can.
        self.owners = owners

    async def _read(
        self,
        wanted: Collection[StatePartition],
        view: ClaimsView,
        before: Mapping[StatePartition, PartitionOwner[Any]],
    ) -> dict[StatePartition, PartitionOwner[Any]]:
        # Up to the ends as of now: all who wrote before are fenced.
        new = {place: self._stages[place.stage].new_owner(place.partition) for place in wanted}
        waiting = await self._without_logs(new)
        readable = {place: owner for place, owner in new.items() if place not in waiting}
        reading = StateReading(self._log, self._writer, view, readable, self._kept)
        owners = await reading.owners()
        self.partitions_read, self.records_read = reading.read, reading.records
        for place, missing in waiting.items():
            known = before.get(place)
            new[place].take_over_without_state(missing, {} if known is None else known.committed_position)
        return {place: owners.get(place, owner) for place, owner in new.items()}

    async def _without_logs(
        self, new: Mapping[StatePartition, PartitionOwner[Any]]
    ) -> dict[StatePartition, list[Destination]]:
        """The partitions that cannot be read because logs of theirs have no leader, and these logs."""
        logs = {place: [*owner.source_logs(), owner.state_log] for place, owner in new.items()}
        await self._writer.look_at_troubles({tp for tps in logs.values() for tp in tps})
        troubles = self._writer.troubles
        return {
            place: missing
            for place, tps in logs.items()
            if (missing := [tp for tp in tps if troubles.has_no_leader(tp)])
        }

    def _whole_partitions(self, assigned: Iterable[TP]) -> list[StatePartition]:
        tps = set(assigned)
        places = []
        for name, stage in self._stages.items():
            for partition in sorted({tp.partition for tp in tps if tp.topic in stage.sources}):
                missing = [topic for topic in stage.sources if TP(topic, partition) not in tps]
                if missing:
                    raise RefusedToStart(
                        f"partition {partition} was assigned without its counterpart in "
                        f"{', '.join(missing)}: the topic was deleted, or the partition counts differ. Run "
                        "`tocsin topics check` to see what is wrong."
                    )
                places.append(StatePartition(name, partition))
        return places
