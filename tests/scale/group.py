"""The consumer group of a large fleet: Kafka's rules of joining, in short, and the real assignor."""

import asyncio
import random
import time
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

from yarl import URL

from streams.running.patches.worker_assignor import WorkerAssignor, install_even_shares
from streams.running.takeover.membership import HEARTBEAT_SECONDS, SESSION_SECONDS
from tests.scale.brokers import ScaleBrokers

# Kafka's default for a group that had no members: others may be about to join as well.
INITIAL_SECONDS = 3.0


class Member(Protocol):
    """What the group knows of a worker. `again` tells it to give up its partitions and join again."""

    name: str
    again: asyncio.Event
    is_dead: bool


class Joined(NamedTuple):
    """What a member gets: generation, and its partitions by topic."""

    generation: int
    assignment: Sequence[tuple[str, Sequence[int]]]


class Group:
    """`delay_seconds` is how much longer its coordinator takes for each answer."""

    def __init__(self, brokers: ScaleBrokers, topics: Sequence[str], partitions: int, seed: int) -> None:
        self.generation = 0
        self.rebalances = 0
        self.delay_seconds = 0.0
        # Of the last rebalance: bytes of the brokers' record about the group, and the leader's processor time.
        self.record_bytes = 0
        self.leader_seconds = 0.0
        self._brokers = brokers
        self._topics = set(topics)
        self._cluster = SimpleNamespace(partitions_for_topic=lambda _topic: set(range(partitions)))
        self._rng = random.Random(seed)
        install_even_shares()
        self._members: dict[Member, WorkerAssignor] = {}
        self._heard: dict[Member, float] = {}
        self._waiting: dict[Member, asyncio.Future[Joined]] = {}
        self._rebalancing = False
        self._not_before = 0.0

    async def join(self, member: Member) -> Joined:
        """Join; returns when all members have."""
        loop = asyncio.get_running_loop()
        await self._request("join")
        if not self._members:
            self._not_before = loop.time() + INITIAL_SECONDS
            loop.call_later(INITIAL_SECONDS, self._complete)
        if member not in self._members:
            self._members[member] = WorkerAssignor(_app(member.name))
        self._begin()
        member.again.clear()
        self._waiting[member] = joined = loop.create_future()
        self._complete()
        found = await joined
        await self._request("sync")
        self._heard[member] = loop.time()
        return found

    async def heartbeats(self, member: Member) -> None:
        """Send them until the member is told to join again."""
        await asyncio.sleep(self._rng.random() * HEARTBEAT_SECONDS)
        while True:
            await self._request("heartbeat")
            self._heard[member] = asyncio.get_running_loop().time()
            if self._rebalancing or member not in self._members:
                member.again.set()
                return
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def is_current(self, member: Member, generation: int) -> bool:
        """Whether this is still the generation."""
        await self._request("heartbeat")
        return member in self._members and self.generation == generation

    async def names(self) -> Collection[str]:
        """The members, for who asks before it joins."""
        await self._request("describe")
        return [member.name for member in self._members]

    def leave(self, member: Member) -> None:
        """Let a member leave."""
        self._brokers.count("leave")
        self._remove(member)

    async def expire(self) -> None:
        """Put out members that are silent, for ever."""
        while True:
            await asyncio.sleep(0.1)
            now = asyncio.get_running_loop().time()
            for member in list(self._members):
                if member.is_dead and now - self._heard.get(member, 0) > SESSION_SECONDS:
                    self._remove(member)

    def _remove(self, member: Member) -> None:
        if self._members.pop(member, None) is not None:
            self._waiting.pop(member, None)
            self._begin()
            self._complete()

    def _begin(self) -> None:
        if not self._rebalancing:
            self._rebalancing = True
            self.rebalances += 1

    def _complete(self) -> None:
        if not self._waiting or len(self._waiting) < len(self._members):
            return
        if asyncio.get_running_loop().time() < self._not_before:
            return
        self._rebalancing = False
        self.generation += 1
        waiting, self._waiting = self._waiting, {}
        for member, assignment in self._assign().items():
            if not waiting[member].done():
                waiting[member].set_result(Joined(self.generation, assignment))

    def _assign(self) -> dict[Member, Sequence[tuple[str, Sequence[int]]]]:
        by_name = {member.name: member for member in self._members}
        said = {member.name: assignor.metadata(self._topics) for member, assignor in self._members.items()}
        leader = next(iter(self._members.values()))
        started = time.process_time()
        shares = leader.assign(self._cluster, said)
        self.leader_seconds = time.process_time() - started
        self.record_bytes = sum(len(each.encode()) for each in (*said.values(), *shares.values()))
        for name, share in shares.items():
            self._members[by_name[name]].on_assignment(share)
        return {by_name[name]: share.assignment for name, share in shares.items()}

    async def _request(self, kind: str) -> None:
        self._brokers.count(kind)
        await asyncio.sleep(self._brokers.takes() + self.delay_seconds)


def _app(name: str) -> Any:
    """What the assignor asks Faust's app."""
    return SimpleNamespace(
        tables=SimpleNamespace(data={}, changelog_topics=set()),
        conf=SimpleNamespace(canonical_url=URL(f"http://{name}:6066")),
        tracer=None,
        sensors=SimpleNamespace(
            on_assignment_start=lambda *_: None,
            on_assignment_completed=lambda *_: None,
            on_assignment_error=lambda *_: None,
        ),
    )
