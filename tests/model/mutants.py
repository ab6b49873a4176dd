"""Broken variants of the runtime, each in one place. The searches must find what is wrong with every one of
them.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

from aiokafka import TopicPartition

from streams.running.errors import OwnershipLost
from streams.running.log import writer
from streams.running.log.claims import (
    ClaimsLog,
    StatePartition,
    claim_record,
    claim_value,
    release_record,
)
from streams.running.log.destinations import Troubles
from streams.running.log.leftovers import LastCommitted, Leftovers
from streams.running.log.log import Appended, Destination, Producer
from streams.running.log.position import Position
from streams.running.log.transaction import STOPPING_SECONDS
from streams.running.log.writer import Writer, Writes
from streams.running.partitions.outputs import Outputs
from streams.running.partitions.partition_owner import PartitionOwner
from streams.running.takeover import state_reading, takeover
from streams.running.takeover.ownership import Ownership
from streams.running.takeover.state_reading import Kept
from streams.running.takeover.takeover import Claims, IsCurrent, ClaimsView
from tests.model.fleet import STATE
from tests.model.memory_log import MemoryProducer

_mark, _settle, _see_markers = MemoryProducer.mark, MemoryProducer.settle, Writer._see_markers
_add, _claim, _looking = ClaimsLog.add, Claims.claim, Claims.viewing
_note_fenced, _give_up, _write = ClaimsView.note_fenced, Ownership.give_up, Writer.write


async def _notes_no_fence(self: ClaimsView, ids: Collection[str]) -> None:
    self.fenced.update(ids)


async def _fence_once(producer: Producer, transactional_id: str) -> None:
    await producer.raise_epoch(transactional_id)


async def _nothing(self: ClaimsView) -> None:
    pass


async def _look_without_fence(self: ClaimsView) -> None:
    while not self._seen.shows(self._claims.records):
        await self._read()


async def _fence_and_note(self: ClaimsView) -> None:
    await self._fence_claimants()
    await _note_fenced(self)


async def _claim_nothing(
    self: Claims, places: Collection[StatePartition], generation: int, member: str
) -> None:
    self.places, self.generation, self.value = tuple(places), generation, claim_value(generation, member)
    own = self._writer.transactional_id
    self.records = [claim_record(place, own, self.value) for place in places]


async def _claim_and_note(self: ClaimsView) -> None:
    claims = self._claims
    # The record about the writer is written by note_fenced, if there is anything to note.
    self._former_fenced = list(claims.places)
    await self._writer.write({claims.tp: claims.records})
    await _note_fenced(self)


async def _look_at_once(self: ClaimsView) -> None:
    end = (await self._consumer.end_offsets([self._claims.tp]))[self._claims.tp]
    while await self._consumer.position(self._claims.tp) < end:
        await self._read()
    await self._fence_claimants()
    await self._fence_former_ids()


def _one_claim_per_place(self: ClaimsLog, key: bytes, value: bytes | None) -> None:
    if value is not None:
        place = key.rsplit(b"/", 1)[0] + b"/"
        for other, owner in list(self._claims):
            if owner and f"{other.stage}/{other.partition}/".encode() == place:
                del self._claims[other, owner]
    _add(self, key, value)


@asynccontextmanager
async def _looking_and_giving_way(self: Claims, is_current: IsCurrent, *ended: Any) -> Any:
    async def never() -> bool:
        return False

    async with _looking(self, never, *ended) as view:
        yield view


@asynccontextmanager
async def _looking_from_the_own_claim(self: Claims, is_current: IsCurrent, *ended: Any) -> Any:
    async with _looking(self, is_current, *ended) as view:
        view._consumer.seek(self.tp, self.began)
        yield view


@asynccontextmanager
async def _looking_on_without_memory(self: Claims, is_current: IsCurrent, *ended: Any) -> Any:
    async with _looking(self, is_current, *ended) as view:
        self.seen = ClaimsLog()
        yield view


async def _claim_and_remember_where(
    self: Claims, places: Collection[StatePartition], generation: int, member: str
) -> None:
    async with self._log.reader("read_uncommitted") as reader:
        self.began = (await reader.end_offsets([self.tp]))[self.tp]
    await _claim(self, places, generation, member)


async def _unchanged(*_: Any) -> bool:
    return False


async def _end_without_lock(self: Ownership) -> None:
    await self._interrupt()
    self.owners = {}
    try:
        async with asyncio.timeout(STOPPING_SECONDS):
            await self._claims.release()
    except (OwnershipLost, TimeoutError):
        pass


async def _release_first(self: Ownership) -> None:
    claims = self._claims
    own = self._writer.transactional_id
    if claims.places:
        await self._writer.write({claims.tp: [release_record(place, own) for place in claims.places]})
    await _give_up(self)


async def _note_ends_last(self: Ownership) -> None:
    await self._interrupt()
    self._followed = None
    async with self.write_lock:
        owners, self.owners = self.owners, {}
        await self._release()
        if owners:
            ends = await self._writer.ends([owner.state_log for owner in owners.values()])
            self._kept = {place: Kept(owner, ends[owner.state_log]) for place, owner in owners.items()}


async def _release_or_end(self: Ownership) -> None:
    await self._claims.release()


def _add_state_without_position(
    self: Outputs, state: TopicPartition, changes: dict[bytes, bytes | None], position: Position
) -> None:
    self.writes[state] += [(key, value, []) for key, value in changes.items()]


async def _write_state_last(self: Writer, writes: Writes, _follow: Any = None) -> int:
    for is_state in (False, True):
        part = {to: rows for to, rows in writes.items() if (to[0] == STATE) == is_state}
        if part:
            await _write(self, part)
    return 0


async def _same_id(self: Writer) -> str:
    # What was open under it stays undecided as long as a log of it has no leader.
    before = self._started()
    await before.abandon()
    self._producer = self._log.producer(self.transactional_id)
    await self._producer.start()
    return ""


async def _keep_what_is_in_memory(self: Ownership) -> None:
    await self._writer.renew()
    await self._claims.claim(list(self.owners), self._claims.generation, "again")


async def _nothing_is_left(_self: Leftovers, *_: Any) -> set[Destination]:
    return set()


def _notes_nothing(_self: Ownership) -> Writes:
    return {}


async def _always(_self: Ownership) -> bool:
    return True


async def _knows_nothing_left(_self: Writer, _left: Any) -> None:
    pass


def _notes_nothing_left(*_: Any) -> list[Any]:
    return []


async def _mark_as_committed(self: MemoryProducer, destination: Destination, *, commits: bool) -> None:  # noqa: ARG001
    await _mark(self, destination, commits=True)


async def _sees_no_markers(_self: Writer, _producer: Producer, _writes: Writes) -> bool:
    return True


async def _sees_some_markers(self: Writer, producer: Producer, writes: Writes) -> bool:
    await _see_markers(self, producer, writes)
    return True


async def _settle_as_aborted(self: MemoryProducer, transactional_id: str, _empty: Producer | None) -> bool:
    return await _settle(self, transactional_id)


def _sure(_self: LastCommitted, _leader_changes: int) -> bool:
    return True


async def _mark_as_aborted(self: MemoryProducer, destination: Destination, *, commits: bool) -> None:  # noqa: ARG001
    await _mark(self, destination, commits=False)


def _nobody_waits(_self: Troubles, _writes: Writes) -> list[Destination]:
    return []


def _fetch_on(_self: PartitionOwner[Any]) -> None:
    pass


def _begin_at_once(_self: PartitionOwner[Any], _topic: str, appended: Sequence[Appended]) -> int:
    return appended[0].offset


Change = tuple[Any, str, Any]

MUTANTS: dict[str, list[Change]] = {
    "no fence": [(ClaimsView, "_fence", _notes_no_fence)],
    "a fence is asked for once": [(writer, "fence", _fence_once)],
    "no other look": [(ClaimsView, "fence_newcomers", _nothing)],
    "fence after reading": [
        (ClaimsView, "fence_others", _look_without_fence),
        (ClaimsView, "note_fenced", _fence_and_note),
    ],
    "claim after reading": [
        (Claims, "claim", _claim_nothing),
        (ClaimsView, "fence_others", _look_at_once),
        (ClaimsView, "note_fenced", _claim_and_note),
    ],
    "one claim per partition": [(ClaimsLog, "add", _one_claim_per_place)],
    "what was read before is forgotten": [(Claims, "viewing", _looking_on_without_memory)],
    "always gives way": [(Claims, "viewing", _looking_and_giving_way)],
    "look before the own claim shows": [(ClaimsView, "fence_others", _look_at_once)],
    "look from the own claim on": [
        (Claims, "claim", _claim_and_remember_where),
        (Claims, "viewing", _looking_from_the_own_claim),
    ],
    "kept state without proof": [(state_reading, "_changed", _unchanged)],
    "release before the last commit": [(Ownership, "give_up", _release_first)],
    "release at the end without the lock": [(Ownership, "end", _end_without_lock)],
    "ends noted after the release": [(Ownership, "give_up", _note_ends_last)],
    "a release that fails ends the worker": [(Ownership, "_release", _release_or_end)],
    "state without position": [(Outputs, "add_state", _add_state_without_position)],
    "outputs before the state": [(Writer, "write", _write_state_last)],
    "the same id after a destination failed": [(Writer, "renew", _same_id)],
    "what was not written stays in memory": [(Ownership, "take_over_again", _keep_what_is_in_memory)],
    "what is left open stays open": [(Leftovers, "end", _nothing_is_left)],
    "what is committed stays open": [(Writer, "end_what_is_committed", _nothing)],
    "what is left open is aborted": [(MemoryProducer, "mark", _mark_as_aborted)],
    "what is left open is committed": [(MemoryProducer, "mark", _mark_as_committed)],
    "nothing goes on without the log of claims": [(Ownership, "claims_have_leader", _always)],
    "what others left open stays open": [(Writer, "_left", _knows_nothing_left)],
    "what is ended stays noted": [(Ownership, "notes", _notes_nothing)],
    "what others left open is not noted": [(takeover, "left_open_records", _notes_nothing_left)],
    "one marker for two transactions": [(Writer, "_see_markers", _sees_no_markers)],
    "one marker for two transactions by what follows": [(Writer, "_see_markers", _sees_some_markers)],
    "a leader that is lost meanwhile is not noticed": [(LastCommitted, "is_sure", _sure)],
    "a transaction without a record is aborted": [(MemoryProducer, "settle", _settle_as_aborted)],
    "nobody waits for a destination": [(Troubles, "blocking", _nobody_waits)],
    "nothing is fetched again": [(PartitionOwner, "fetch_again", _fetch_on)],
    "own records before those of others": [(PartitionOwner, "_begin_of_own", _begin_at_once)],
}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Run one of them."""
    patches = [patch.object(where, what, change) for where, what, change in MUTANTS[name]]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patches):
            each.stop()
