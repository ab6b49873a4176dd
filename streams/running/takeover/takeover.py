"""The steps by which a process becomes the only writer of partitions: claim, look, fence; and the release.

Every process writes a claim before it reads the state of a partition, and a release before it joins the group
again. So a worker with an unreleased claim when another one takes the partition over is dead, or was put out
of the group and does not know it yet. It is fenced: the broker then refuses all that it still sends.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import TopicPartition

from streams.contract.wire.topics import CLAIMS
from streams.running.errors import OwnershipLost
from streams.running.identity import former_transactional_id
from streams.running.log.claims import (
    ClaimsLog,
    StatePartition,
    claim_record,
    claim_value,
    claimant_of,
    former_fenced_record,
    left_open_records,
    nothing_released,
    release_record,
    terms_record,
    terms_release,
)
from streams.running.log.leftovers import LeftOpen
from streams.running.log.log import Log, Reader, Write
from streams.running.log.state_log import ReadStall
from streams.running.log.terms import Terms
from streams.running.log.writer import Writer
from streams.running.takeover.agreement import juniors_to_fence

logger = structlog.get_logger(__name__)

# How long to wait for the first record of an open transaction when reading uncommitted ones.
_FIRST_RECORD_MS = 1_000

# For how long what was read of the claims is read on from where it ended. Compaction keeps a release for a
# day (`delete.retention.ms`); who missed one would fence a worker that lives.
_READ_ON_SECONDS = 3600.0

IsCurrent = Callable[[], Awaitable[bool]]


async def always_current() -> bool:
    """The answer of a process that is no member of the group, and never gives way."""
    return True


class Claims:
    """What this process claims, and in which log.

    `terms` are those of a worker; a command has none, and need not agree with anybody.
    """

    terms: Terms | None = None

    def __init__(self, log: Log, writer: Writer) -> None:
        self.tp = TopicPartition(writer.prefix + CLAIMS, 0)
        self.places: tuple[StatePartition, ...] = ()
        self.value = b""
        self.generation = 0
        # The generation in which this process first worked.
        self.since: int | None = None
        # What the log must show before it is known who else claims.
        self.records: list[Write] = []
        # What the log said up to an offset, and when that was. Hundreds of workers that restart leave ten
        # times as many records as there are claims before compaction begins.
        self.seen = ClaimsLog()
        self.seen_to = 0
        self.seen_at = float("-inf")
        self._log = log
        self._writer = writer

    async def claim(self, places: Collection[StatePartition], generation: int, member: str) -> None:
        """Claim partitions and say the terms, all in one transaction.

        Whatever comes of it, `release` is due afterwards.
        """
        self.places = tuple(places)
        self.generation = generation
        self.value = claim_value(generation, member)
        own = self._writer.transactional_id
        self.records = [claim_record(place, own, self.value) for place in places]
        if self.terms is not None:
            # The terms first, and last in a release: a reader may stop in the middle of a transaction, and
            # must not take somebody's claims for those of a version without terms.
            terms = terms_record(own, generation, member, self.terms, self.since)
            self.records.insert(0, terms)
        if self.records:
            await self._writer.write({self.tp: self.records})

    def notes(self, *, again: bool) -> list[Write]:
        """Records that say who has nothing open any more of whom the log tells; mostly none.

        With `again` also the claims once more; without any, a release of nothing.
        """
        ended = left_open_records({}, self._writer.leftovers.ended())
        if not ended and not again:
            return []
        nothing = [nothing_released(self._writer.transactional_id)]
        return [*(self.records if again and self.records else nothing), *ended]

    async def release(self) -> None:
        """Declare that everything this process ever wrote to the claimed partitions is decided."""
        await self._release([])

    async def release_for_good(self) -> None:
        """Release as the last thing that this process writes, with what it leaves open."""
        leftovers = self._writer.leftovers
        left = await self._writer.leave()
        ended = leftovers.ended()
        await self._release(left_open_records(leftovers.not_noted() | left, ended))

    async def _release(self, rows: list[Write]) -> None:
        places, self.places, claimed = self.places, (), self.records
        self.records = []
        own = self._writer.transactional_id
        releases = [release_record(place, own) for place in places]
        if claimed and self.terms:
            releases.append(terms_release(own))
        if claimed or rows:
            await self._writer.write({self.tp: [*(releases or [nothing_released(own)]), *rows]})

    @asynccontextmanager
    async def viewing(
        self, is_current: IsCurrent, ended: Collection[str] = ()
    ) -> "AsyncIterator[ClaimsView]":
        """Read the log from its beginning, or on from where the last takeover ended.

        `is_current` tells whether the generation of the claim is still the group's. `ended` are former ids of
        this process, which have decided all that they wrote.
        """
        async with self._log.reader() as consumer:
            consumer.assign([self.tp])
            consumer.seek(self.tp, await self._first_unseen(consumer))
            view = ClaimsView(self, self._log, self._writer, consumer, is_current)
            # Their claims are released with those of the fenced.
            view.fenced.update(ended)
            yield view

    async def _first_unseen(self, consumer: Reader) -> int:
        if time.monotonic() - self.seen_at > _READ_ON_SECONDS or (
            # It is another log, which was created anew.
            self.seen_to > (await consumer.end_offsets([self.tp]))[self.tp]
        ):
            return await self.forget(consumer)
        return self.seen_to

    async def forget(self, consumer: Reader) -> int:
        """Forget what was read, and return where the log begins."""
        self.seen = ClaimsLog()
        self.seen_to = (await consumer.beginning_offsets([self.tp]))[self.tp]
        return self.seen_to

    def saw(self, records: Sequence[Any]) -> None:
        """Take what was read into account."""
        for record in records:
            self.seen.add(record.key, record.value)
            self.seen_to = record.offset + 1
        self.seen_at = time.monotonic()


class ClaimsView:
    """One takeover's view of the claims log."""

    def __init__(
        self,
        claims: Claims,
        log: Log,
        writer: Writer,
        consumer: Reader,
        is_current: IsCurrent,
    ) -> None:
        self.fenced: set[str] = set()
        self._claims = claims
        self._log = log
        self._writer = writer
        self._consumer = consumer
        self._is_current = is_current
        self._former_fenced: list[StatePartition] = []
        self._turn = asyncio.Lock()

    @property
    def _seen(self) -> ClaimsLog:
        return self._claims.seen

    async def fence_others(self) -> None:
        """Read until the own claims are visible, then fence everyone else who may still write.

        Only then does the end of a state log stand. Raises OwnershipLost when the partitions are claimed in a
        newer generation of the group, and RefusedToStart when other workers of this generation have other
        terms.
        """
        async with self._turn:
            standstill = ReadStall()
            while not self._seen.shows(self._claims.records):
                await self._read()
                if standstill.lasts(await self._consumer.position(self._claims.tp)):
                    if not await self._fence_first_open():
                        # The own claims are before what was read: it is another log, which was created anew.
                        self._consumer.seek(self._claims.tp, await self._claims.forget(self._consumer))
                        standstill = ReadStall()
                    await self._writer.end_leftovers([self._claims.tp])
            await self._writer.know_left_open(self._seen.left_open())
            await self._agree()
            await self._fence_claimants()
            await self._fence_former_ids()

    async def fence_newcomers(self) -> None:
        """Fence who claimed since: one of these may hold up the reading of the state."""
        async with self._turn:
            log = self._claims.tp
            end = (await self._consumer.end_offsets([log]))[log]
            while await self._consumer.position(log) < end:
                await self._read()
            before = len(self.fenced)
            await self._fence_claimants()
            if len(self.fenced) == before:
                logger.warning(
                    "an open transaction holds up reading the state, and nobody claims the partition: "
                    "waiting until the brokers end it. A version of Tocsin before the claims log may still "
                    "be running; stop it"
                )

    async def note_fenced(self) -> None:
        """Write the releases of those who were fenced, so that nobody fences them again."""
        claims = self._claims
        leftovers = self._writer.leftovers
        if leftovers:
            # Mostly nothing is open any more.
            await self._writer.end_leftovers(())
        ended = leftovers.ended()
        left = leftovers.not_noted()
        rows = self._seen.releases_of(self.fenced)
        rows += [former_fenced_record(place) for place in self._former_fenced]
        rows += left_open_records(left, ended)
        if rows:
            # First a record about the writer: see log/claims.py. Not its terms, whose place tells others what
            # was before them.
            own = claims.records[-1] if claims.places else nothing_released(self._writer.transactional_id)
            await self._writer.write({claims.tp: [own, *rows]})
            leftovers.noted(left)

    async def _read(self) -> None:
        fetched = await self._consumer.getmany(self._claims.tp, timeout_ms=20)
        self._claims.saw(fetched.get(self._claims.tp, ()))

    async def _agree(self) -> None:
        """Find out whether this worker may work beside those who have claimed before it in its generation.

        Of two that claim, the second one always sees the first.
        """
        if self._claims.terms is not None:
            own = self._writer.transactional_id
            said = self._seen.standing()
            await self._fence(juniors_to_fence(said[own], self._seen.standing(before=own)))

    async def _fence_claimants(self) -> None:
        own = self._writer.transactional_id
        others = [
            claimant
            for claimant in self._seen.claimants(self._claims.places)
            if claimant.transactional_id != own and claimant.transactional_id not in self.fenced
        ]
        # A reset group counts its generations from 1 again, so a higher one alone proves nothing.
        newer = [each for each in others if each.generation > self._claims.generation]
        if newer and not await self._is_current():
            raise OwnershipLost(
                "this worker was put out of the group: its partitions are claimed by "
                f"{newer[0].transactional_id} in generation {newer[0].generation}, after "
                f"{self._claims.generation}. The restarted worker joins again."
            )
        await self._fence([claimant.transactional_id for claimant in others])

    async def _fence_first_open(self) -> bool:
        # The record at the last stable offset is the first of the oldest open transaction, and names its
        # writer.
        log = self._claims.tp
        async with self._log.reader("read_uncommitted") as consumer:
            consumer.assign([log])
            consumer.seek(log, await self._consumer.position(log))
            fetched = await consumer.getmany(log, timeout_ms=_FIRST_RECORD_MS, max_records=1)
        writers = {claimant_of(record.key) for record in fetched.get(log, ())}
        others = writers - {self._writer.transactional_id}
        for unknown in await self._fence(others):
            # Fenced before, and what stands here was left open. Who claims what it does not own is fenced
            # once more; a release that does not hold is of nobody who could write.
            self._writer.leftovers.add(unknown, LeftOpen(((*log, None),)))
        return bool(writers)

    async def _fence_former_ids(self) -> None:
        # Versions before the claims log wrote no claims. Once per partition: the note stays in the log.
        self._former_fenced = self._seen.without_note(self._claims.places)
        ids = [former_transactional_id(self._writer.prefix, *place) for place in self._former_fenced]
        await asyncio.gather(*(self._writer.fence(each) for each in ids))

    async def _fence(self, ids: Collection[str]) -> set[str]:
        """Fence them. Return those of whom it is not known what they may have left open."""
        known = await asyncio.gather(*(self._writer.fence(each) for each in ids))
        self.fenced.update(ids)
        if ids:
            logger.info("fenced workers that left partitions without releasing them", ids=sorted(ids))
        return {each for each, is_known in zip(ids, known, strict=True) if not is_known}


@asynccontextmanager
async def exclusive_writer(
    log: Log, prefix: str, places: Collection[StatePartition]
) -> AsyncIterator[Writer]:
    """A writer for a command without workers: every process that may write to `places` is fenced.

    A worker that starts meanwhile fences the command in turn.
    """
    writer = Writer(log, prefix)
    try:
        await writer.start()
        claims = Claims(log, writer)
        # Below every generation of the group: a worker never gives way to a command.
        await claims.claim(places, 0, "command")
        async with claims.viewing(always_current) as view:
            await view.fence_others()
            await view.note_fenced()
        yield writer
        await claims.release()
    finally:
        await writer.stop()
