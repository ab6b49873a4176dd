"""The one transactional producer of a process: all stages write with it, one transaction at a time."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    ProducerClosed,
    TransactionalIdAuthorizationFailed,
)

from streams.running.errors import OwnershipLost
from streams.running.identity import new_transactional_id
from streams.running.log.destinations import DestinationTrouble, Troubles
from streams.running.log.fencing import fence, not_allowed, offsets_by_time, settle
from streams.running.log.leftovers import LastCommitted, LeftOpen, Leftovers
from streams.running.log.log import (
    END,
    FIRST,
    TRANSACTION_SECONDS,
    Destination,
    FoundOffset,
    Log,
    Producer,
    Trouble,
)
from streams.running.log.predecessor import end_predecessor
from streams.running.log.source_logs import LogBounds
from streams.running.log.transaction import (
    Follow,
    Writes,
    stop_producer,
    write_transaction,
)
from streams.running.wall_clock import clock_ms

logger = structlog.get_logger(__name__)

# A broker forgets a transactional id that was not used for a week (`transactional.id.expiration.ms`), and the
# next transaction would then fail and stop the worker. A day is enough also for brokers that are set to less
# than a week.
UNUSED_SECONDS = 24 * 3600.0


# How often to look whether the markers of a transaction that failed are written, and how long to wait before.
_LOOKS_AT_MARKERS = 6
_MARKERS_SECONDS = 0.05

# How often to look for markers before the next transaction, and for how long before they are written anew.
_SEEN_SECONDS = 0.02
_UNSEEN_SECONDS = 0.5

# Between two attempts to start another producer.
_RESTARTING_SECONDS = 0.2


class Writer:
    """Writes transactions under a transactional id that no other process has. Not usable before `start`.

    If `instance` is given, no other live process may have this name: see predecessor.py.
    """

    def __init__(self, log: Log, prefix: str, instance: str = "") -> None:
        self.prefix = prefix
        self.transactional_id = new_transactional_id(prefix, instance)
        self.troubles = Troubles()
        # The topics (with prefix) in which processes that are fenced may have left something open.
        self.topics: Sequence[str] = ()
        self.leftovers = Leftovers(log)
        self._last_committed = LastCommitted()
        # Where in each log the transaction began that is under way, or has failed.
        self._begins: dict[Destination, int] = {}
        # The producer whose last transaction has failed without a record.
        self._empty: Producer | None = None
        self._instance = instance
        self._log = log
        self._producer: Producer | None = None
        self._one_at_a_time = asyncio.Lock()
        self._partitions_of: dict[str, int] = {}
        self._written_at = time.monotonic()

    async def start(self) -> None:
        """Register the id with the brokers, and end what a former process of this instance left open.

        Raises RefusedToStart when this user may not use the id.
        """
        self._producer = self._log.producer(self.transactional_id)
        try:
            await self._producer.start()
        except TransactionalIdAuthorizationFailed as error:
            raise not_allowed(self.transactional_id) from error
        if self._instance:
            own = self.transactional_id
            ended = await end_predecessor(self._producer, self.prefix, self._instance, own)
            await self._left({each: left for each, left in ended.items() if left is not None})

    async def stop(self) -> None:
        """Write nothing more.

        The worker that takes the partitions over aborts a transaction that is left open.
        """
        if self._producer is not None:
            producer, self._producer = self._producer, None
            self.leftovers = Leftovers(self._log)
            await stop_producer(producer)

    async def renew(self) -> str:
        """Go on under another transactional id after DestinationTrouble. Returns the former one.

        All that was written under that one is decided then, and nothing more will be. The other id claims
        nothing so far. A caller that is cancelled, by a rebalance, does not interrupt it: what is written
        next waits for its end. Raises OwnershipLost when the brokers do not answer; then nothing can be
        written.
        """
        return await asyncio.shield(asyncio.ensure_future(self._renew()))

    async def _renew(self) -> str:
        former = self.transactional_id
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(TRANSACTION_SECONDS):
                    empty, self._empty = self._empty, None
                    await self._start_another()
                    await settle(self._started(), former, empty)
                    self.leftovers.add(former, self._left_by_itself())
                    self._last_committed = LastCommitted()
                    # Brokers write the markers of the rest within milliseconds.
                    for _ in range(_LOOKS_AT_MARKERS):
                        await asyncio.sleep(_MARKERS_SECONDS)
                        if not await self.leftovers.end(self._started(), self.troubles.visible()):
                            break
            except (KafkaError, TimeoutError) as error:
                # Nobody may use a producer that has not started, also if no caller hears of this.
                await self.stop()
                raise OwnershipLost(f"no other transactional id: {error!r}") from error
        return former

    async def _start_another(self) -> None:
        self.transactional_id = new_transactional_id(self.prefix, self._instance)
        while True:
            before, self._producer = self._started(), self._log.producer(self.transactional_id)
            await before.abandon()
            try:
                await self._producer.start()
            except KafkaConnectionError:
                # Another broker may answer.
                await asyncio.sleep(_RESTARTING_SECONDS)
            else:
                return

    def _left_by_itself(self) -> LeftOpen:
        """What the id in use may have left open, whose last transaction failed."""
        committed = self._last_committed.begins
        logs: dict[Destination, int | None] = dict.fromkeys(committed)
        for destination, begin in self._begins.items():
            # Where that is not known it was after the one before.
            logs[destination] = begin if begin >= 0 else committed.get(destination, -1) + 1
        return LeftOpen(tuple((*destination, begin) for destination, begin in logs.items()))

    async def look_at_troubles(self, destinations: Collection[Destination] = ()) -> None:
        """Ask the brokers whether destinations that were in trouble take records again, and about others."""
        self.troubles.end_pauses()
        visible = self.troubles.visible()
        asked = {*visible, *destinations}
        # Who has stopped need not know.
        producer = self._producer
        if producer is not None and (asked or self.leftovers):
            try:
                found = await producer.visible_troubles(asked) if asked else []
            except KafkaConnectionError:
                return
            without_leader = [each.destination for each in found]
            try:
                open_still = await self.leftovers.end(producer, without_leader, destinations)
            except ProducerClosed:
                # Abandoned meanwhile: who looks next asks with another one.
                if producer is self._producer:
                    raise
                return
            found += [Trouble(each, "unfinished") for each in open_still & asked]
            self.troubles.note(found)
            self.troubles.end({*visible} - {each.destination for each in found})

    @property
    def has_to_look(self) -> bool:
        """Whether `look_at_troubles` would do anything."""
        return bool(self.troubles or self.leftovers)

    async def end_what_is_committed(self) -> None:
        """Write markers that are missing because a log lost its leader after a commit.

        If that fails the next `write` does too.
        """
        producer = self._producer
        if producer is None or not self._last_committed.is_due:
            return
        try:
            standing = await self._last_committed.standing(producer, self.troubles.visible())
            if standing:
                async with self._one_at_a_time, asyncio.timeout(TRANSACTION_SECONDS):
                    if producer is self._producer:
                        await self._mark_again(producer, standing)
        except (KafkaError, TimeoutError) as error:
            # No broker answers, or this producer was abandoned meanwhile.
            logger.warning("what was committed in logs without a leader is not ended", error=repr(error))

    async def _mark_again(self, producer: Producer, destinations: Collection[Destination]) -> None:
        for topic, partition in sorted(destinations):
            # The next marker of the same id ends it, and decides it as well: it is committed.
            await producer.mark((topic, partition), commits=True)
            self._last_committed.ended((topic, partition))
            logger.warning(
                "the end of a committed transaction is missing in a log and is written again: the log had no "
                "leader, or the broker is slow",
                topic=topic,
                partition=partition,
            )

    async def _see_markers(self, producer: Producer, writes: Writes) -> bool:
        """Wait until what was committed before is ended in these logs: the next marker would decide it too.

        Return whether it is in all others. Costs nothing while no log can have lost its leader. Raises
        DestinationTrouble if some have none.
        """
        began = time.monotonic()
        last = self._last_committed
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                while doubtful := last.doubtful(producer.leader_changes()):
                    unseen = await last.look(producer, doubtful)
                    asked = doubtful & last.begins.keys() & writes.keys()
                    if not asked:
                        return not doubtful & last.begins.keys()
                    if time.monotonic() - began < _UNSEEN_SECONDS:
                        await asyncio.sleep(_SEEN_SECONDS)
                        continue
                    await self._mark_again(producer, unseen.keys() & asked)
                    troubles = await producer.visible_troubles(asked & last.begins.keys())
                    if troubles:
                        raise DestinationTrouble(troubles)
        except (KafkaError, TimeoutError) as error:
            raise OwnershipLost(f"it is not known whether all is written that was: {error!r}") from error
        return True

    async def leave(self) -> dict[str, LeftOpen]:
        """Return what the process leaves open under the id in use, to be written as its last transaction."""
        producer, last = self._started(), self._last_committed
        own = self.transactional_id
        async with self._one_at_a_time:
            if self._begins:
                return {own: self._left_by_itself()}
            unseen: dict[Destination, bool] = {}
            for _ in range(_LOOKS_AT_MARKERS):
                unseen = await last.look(producer, list(last.begins))
                if not last.begins:
                    return {}
                await asyncio.sleep(_MARKERS_SECONDS)
            await self._mark_again(producer, unseen)
        return {own: LeftOpen(tuple((*each, None) for each in last.begins))} if last.begins else {}

    async def end_leftovers(self, first: Collection[Destination]) -> None:
        """End what others left open, in these logs if anywhere."""
        await self.leftovers.end(self._started(), self.troubles.visible(), first)

    async def fence(self, transactional_id: str) -> bool:
        """Fence another producer: see fencing.py. Whether it is known what it may have left open."""
        left = await fence(self._started(), transactional_id)
        if left is not None:
            await self._left({transactional_id: left})
        return left is not None

    async def know_left_open(self, noted: Mapping[str, LeftOpen]) -> None:
        """Look after what the log of claims tells of."""
        if noted:
            self.leftovers.know(noted, await self._everywhere())

    async def _left(self, left: Mapping[str, LeftOpen]) -> None:
        anywhere = await self._everywhere() if left else ()
        for transactional_id, each in left.items():
            self.leftovers.add(transactional_id, each, anywhere)

    async def _everywhere(self) -> list[Destination]:
        return [(topic, n) for topic in self.topics for n in range(await self.partition_count(topic))]

    async def offsets(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, FoundOffset]:
        """Offsets in logs by time: see log.py."""
        for topic in {tp.topic for tp in times}:
            await self.partition_count(topic)
        while True:
            asked = self._started()
            try:
                return await offsets_by_time(asked, times)
            except ProducerClosed:
                # Abandoned meanwhile.
                if asked is self._producer:
                    raise

    async def ends(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The high watermarks of logs."""
        found = await self.offsets(dict.fromkeys(tps, END))
        return {tp: place.offset for tp, place in found.items()}

    async def bounds(self, tps: Collection[TopicPartition]) -> LogBounds:
        """The first offsets and the high watermarks of logs."""
        found = await self.offsets(dict.fromkeys(tps, FIRST))
        return LogBounds({tp: place.offset for tp, place in found.items()}, await self.ends(tps))

    async def write(self, writes: Writes, follow: Follow | None = None) -> int:
        """Write all records, and what follows from them, in one transaction.

        Return how far the brokers' clocks are ahead, in ms.

        A caller that is cancelled does not interrupt the transaction: the next one waits for its end. Raises
        OwnershipLost when it did not commit; then nothing in memory can be trusted any more. It is a
        DestinationTrouble, and noted in `troubles`, if `renew` helps.
        """
        return await asyncio.shield(asyncio.ensure_future(self._write(writes, follow)))

    async def _write(self, writes: Writes, follow: Follow | None) -> int:
        async with self._one_at_a_time:
            # Every topic of ours has LogAppendTime: the broker replaces the timestamp that we send.
            producer = self._started()
            try:
                self._begins = {}
                ahead = await self._write_behind_markers(producer, writes, follow)
                self._last_committed.note(self._begins)
                self._begins = {}
            except DestinationTrouble as trouble:
                self.troubles.note(trouble.troubles)
                self._empty = None if self._begins else producer
                raise
            except OwnershipLost as lost:
                if not lost.fenced:
                    raise
                raise OwnershipLost(
                    f"another worker took over this state, so this one may no longer write to it ({lost}). "
                    "That is expected after a pause of this worker. If it recurs, another group of workers "
                    "uses the same topics; only one may run per topic prefix. See "
                    "docs/runbooks/TocsinFencingLoop.md.",
                    fenced=True,
                ) from lost
            self._written_at = time.monotonic()
            return ahead

    async def _write_behind_markers(self, producer: Producer, writes: Writes, follow: Follow | None) -> int:
        """Write where the transaction before is ended, also in logs that lose their leader meanwhile.

        A log without its marker would end both with the next one, and the first is lost if the second fails.
        """
        last = self._last_committed
        while True:
            if not await self._see_markers(producer, writes):
                # Nobody knows where that would be written to.
                follow = None
            ahead = await write_transaction(
                producer,
                writes,
                clock_ms(),
                follow,
                self._begins,
                lambda: last.is_sure(producer.leader_changes()),
            )
            if ahead is not None:
                return ahead

    @property
    def is_unused(self) -> bool:
        """Whether something should be written, so that the brokers do not forget the id."""
        return time.monotonic() - self._written_at > UNUSED_SECONDS

    async def partition_count(self, topic: str) -> int:
        """The number of partitions of a topic (with prefix)."""
        known = self._partitions_of.get(topic)
        if known is not None:
            return known
        try:
            self._partitions_of[topic] = len(await self._started().partitions_for(topic))
        except KafkaError as error:
            raise OwnershipLost(
                f"{topic}: its number of partitions is unknown ({error!r}). Check that the brokers answer, "
                "that the topic exists and that this user may describe it."
            ) from error
        return self._partitions_of[topic]

    def _started(self) -> Producer:
        if self._producer is None:
            raise OwnershipLost("this worker has released its partitions and writes nothing more")
        return self._producer
