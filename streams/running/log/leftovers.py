"""Ends what a transaction left open in a log that had no leader when the brokers ended the transaction.

Kafka 4.3 leaves a log without a leader out when it writes the markers of a transaction. Its readers then wait
for ever. The next marker of the same transactional id ends it, and decides it as well: so it must be of the
right kind. All transactions of an id are committed but the last one, for a process goes on under another id
after one that failed.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.running.log.log import Destination, Log, Producer

logger = structlog.get_logger(__name__)

# How long a log may stand still before what stands there is taken for left open. Markers that the brokers
# write follow within milliseconds.
STANDSTILL_SECONDS = 0.5

# How often a process looks at logs to which it has written since. One request to each broker.
_LOOK_SECONDS = 5.0

# How long it may take to end something: a producer starts and writes a marker.
_ENDING_SECONDS = 5.0

# At how many logs to look at once: it takes 10 us for each, in which nothing else is done.
_LOGS_AT_ONCE = 2_000


class LeftOpen(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an id may have left open, and how that was decided.

    `logs` are topic, partition, and the offset at which the transaction began there that was aborted, if one
    was. None: any log, and what was appended from `aborted_since` on is aborted. That is in ms since the
    epoch, as the brokers that append and the one that coordinates have it: between two transactions of a
    process is more time than their clocks may differ.
    """

    logs: tuple[tuple[str, int, int | None], ...] | None = None
    aborted_since: int | None = None


@dataclass(slots=True)
class _Open:
    """What an id may have left open in one log: nothing from `until` on, once that is known.

    `named`: it is known where it may be. Otherwise that is likely once the log stands still.
    """

    aborted_from: int | None
    aborted_since: int | None
    named: bool
    until: int | None = None
    stable: int = -1
    since: float = 0.0
    marked_at: float | None = None

    @property
    def stands(self) -> bool:
        """Whether the log stood still at the last look."""
        return self.stable >= 0 and time.monotonic() - self.since >= STANDSTILL_SECONDS

    @property
    def is_likely(self) -> bool:
        """Whether what stands there is this id's. If a marker of it moved nothing, it is somebody else's."""
        return self.marked_at is None and (self.named or self.stands)


class Leftovers:
    """What former ids may have left open: of this process, and of others that it has fenced."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._open: dict[Destination, dict[str, _Open]] = {}
        self._left: dict[str, LeftOpen] = {}
        # Of whom the log of claims tells.
        self._noted: set[str] = set()
        # Who is left to others, by a command that does not know where to look.
        self._for_others: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, transactional_id: str, left: LeftOpen, anywhere: Collection[Destination] = ()) -> None:
        """Look after what an id left open, in `anywhere` if it is not known where."""
        if transactional_id in self._left:
            return
        self._left[transactional_id] = left
        if left.logs is None:
            if not anywhere:
                self._for_others.add(transactional_id)
            logs = {each: _Open(None, left.aborted_since, named=False) for each in anywhere}
        else:
            logs = {(topic, n): _Open(begin, None, named=True) for topic, n, begin in left.logs}
        for destination, each in logs.items():
            self._open.setdefault(destination, {})[transactional_id] = each

    def know(self, noted: Mapping[str, LeftOpen], anywhere: Collection[Destination] = ()) -> None:
        """Look after what the log of claims tells of."""
        self.noted(noted)
        for transactional_id, left in noted.items():
            self.add(transactional_id, left, anywhere)

    def not_noted(self) -> dict[str, LeftOpen]:
        """What the log of claims does not tell of so far, for the case that this process ends first."""
        return {each: left for each, left in self._left.items() if each not in self._noted}

    def noted(self, ids: Iterable[str]) -> None:
        """Note that the log of claims tells of these."""
        self._noted.update(ids)

    def ended(self) -> set[str]:
        """Forget those who have nothing open any more; return those of whom the log of claims tells."""
        over = self._left.keys() - self._for_others - {each for ids in self._open.values() for each in ids}
        for each in over:
            del self._left[each]
        noted = over & self._noted
        self._noted -= over
        return noted

    async def end(
        self, producer: Producer, without_leader: Collection[Destination], first: Collection[Destination] = ()
    ) -> set[Destination]:
        """End what stands still in logs with a leader. Return those where something may still be open."""
        async with self._one_at_a_time:
            others = (each for each in list(self._open) if each not in first)
            asked = [
                each
                for each in (*(each for each in first if each in self._open), *islice(others, _LOGS_AT_ONCE))
                if each not in without_leader
            ]
            ends = await producer.stable_ends(asked) if asked else {}
            if len(ends) < len(asked):
                # Who leads the others is not asked again otherwise.
                await producer.update_metadata()
            for destination, (stable, end) in ends.items():
                ids = self._open.pop(destination)
                for transactional_id, left in list(ids.items()):
                    if left.until is None:
                        left.until = end
                    if stable >= left.until:
                        del ids[transactional_id]
                    else:
                        await self._look_at(producer, destination, transactional_id, left, stable)
                if ids:
                    # Behind those at which it did not look this time.
                    self._open[destination] = ids
            return {
                each for each in asked if any(left.is_likely for left in self._open.get(each, {}).values())
            }

    async def _look_at(
        self,
        producer: Producer,
        destination: Destination,
        transactional_id: str,
        left: _Open,
        stable: int,
    ) -> None:
        now = time.monotonic()
        if stable != left.stable:
            left.stable, left.since = stable, now
            return
        if not left.stands or (left.marked_at is not None and now - left.marked_at < _LOOK_SECONDS):
            return
        ending = self._log.producer(transactional_id)
        try:
            async with asyncio.timeout(_ENDING_SECONDS):
                commits = await _commits(producer, destination, left, stable)
                await ending.start()
                # If somebody else left open what stands there, this does nothing.
                await ending.mark(destination, commits=commits)
                await ending.stop()
                left.marked_at = now
        except (KafkaError, TimeoutError) as error:
            await ending.abandon()
            logger.warning(
                "what a transaction may have left open in a log is not ended; tried again",
                topic=destination[0],
                partition=destination[1],
                error=repr(error),
            )
            return
        logger.warning(
            "ended what a transaction may have left open in a log that had no leader",
            topic=destination[0],
            partition=destination[1],
            transactional_id=transactional_id,
            as_="committed" if commits else "aborted",
        )


async def _commits(producer: Producer, destination: Destination, left: _Open, stable: int) -> bool:
    """Whether what begins at an offset was committed."""
    aborted_from = left.aborted_from
    if left.aborted_since is not None:
        tp = TopicPartition(*destination)
        found = (await producer.offsets_by_time({tp: left.aborted_since}))[tp].offset
        aborted_from = None if found < 0 else found
    return aborted_from is None or stable < aborted_from


class LastCommitted:
    """The last committed transaction of the id in use, by log: its markers may have been left out as well.

    The process learns of no failure then. Somebody who reads the log would wait until the id writes to it
    again, which may be never; and if that transaction failed, it would take this one's records with it.
    """

    def __init__(self) -> None:
        # Where in each log the last transaction began that wrote there and whose marker was not seen.
        self.begins: dict[Destination, int] = {}
        # The logs of these that may have been without a leader since.
        self._doubtful: set[Destination] = set()
        self._leader_changes = 0
        self._stood: dict[Destination, int] = {}
        self._next_look = 0.0

    def note(self, begins: Mapping[Destination, int]) -> None:
        """Note where in each log a transaction began that is committed now."""
        self.begins |= begins
        self._doubtful.difference_update(begins)

    def doubtful(self, leader_changes: int) -> set[Destination]:
        """The logs to which nothing may be written before their markers were seen.

        `leader_changes` is the producer's number.
        """
        if not self._is_as_before(leader_changes):
            self._leader_changes = leader_changes
            self._doubtful = set(self.begins)
        return set(self._doubtful)

    def is_sure(self, leader_changes: int) -> bool:
        """Whether no log can have lost its leader since `doubtful` was asked, or none of these."""
        return not self.begins or self._is_as_before(leader_changes)

    def _is_as_before(self, leader_changes: int) -> bool:
        return leader_changes == self._leader_changes >= 0

    def ended(self, destination: Destination) -> None:
        """Note that the marker was seen, or written anew."""
        self.begins.pop(destination, None)
        self._doubtful.discard(destination)

    async def look(self, producer: Producer, logs: Collection[Destination]) -> dict[Destination, bool]:
        """Look for the markers in these logs. Return those where they were not seen, of logs with a leader.

        True: that is what the log stands before.
        """
        asked = {each: self.begins[each] for each in logs}
        ends = await producer.stable_ends(asked) if asked else {}
        unseen = {}
        for each, (stable, _) in ends.items():
            # Meanwhile another one may have been committed.
            if self.begins.get(each) == asked[each]:
                if stable > asked[each]:
                    self.ended(each)
                else:
                    unseen[each] = stable == asked[each]
        return unseen

    @property
    def is_due(self) -> bool:
        """Whether it is time to look at all logs."""
        return bool(self.begins) and time.monotonic() >= self._next_look

    async def standing(self, producer: Producer, without_leader: Collection[Destination]) -> set[Destination]:
        """Return the logs that stand before such a transaction at two looks; forget those that do not."""
        self._next_look = time.monotonic() + _LOOK_SECONDS
        unseen = await self.look(producer, [each for each in self.begins if each not in without_leader])
        before, self._stood = self._stood, {}
        for each, stands in unseen.items():
            if stands and each in self.begins:
                self._stood[each] = self.begins[each]
        self._doubtful.update(self._stood)
        return {each for each, begin in self._stood.items() if begin == before.get(each)}
