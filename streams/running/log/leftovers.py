"""Ends what a transaction left open in a log that had no leader when the brokers ended the transaction.

Kafka 4.3 leaves a log without a leader out when it writes the markers of a transaction. Its readers then wait
for ever. The next marker of the same transactional id ends it, and decides it as well: so it must be of the
right kind. The data are those of the last transaction that was committed, or those of the one that failed.
"""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog
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


@dataclass(slots=True)
class _Open:
    """What an id may have left open in one log: nothing from `until` on, once that is known.

    `committed` is where the last committed transaction began that wrote there; None if none did.
    """

    transactional_id: str
    committed: int | None
    until: int | None = None
    stable: int = -1
    since: float = 0.0


class Leftovers:
    """What this process may have left open under former ids."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._open: dict[Destination, list[_Open]] = {}
        self._one_at_a_time = asyncio.Lock()

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(
        self, transactional_id: str, committed: Mapping[Destination, int], failed: Collection[Destination]
    ) -> None:
        """Note where in each log the last committed transaction began, and to which the failed one wrote."""
        # In the others the markers of what is committed are written, or were left out: then it stands still.
        for destination in {*committed, *failed}:
            left = _Open(transactional_id, committed.get(destination))
            self._open.setdefault(destination, []).append(left)

    async def end(self, producer: Producer, without_leader: Collection[Destination]) -> set[Destination]:
        """End what stands still in logs with a leader. Return the logs where something may still be open."""
        async with self._one_at_a_time:
            asked = [each for each in self._open if each not in without_leader]
            ends = await producer.stable_ends(asked) if asked else {}
            for destination, (stable, end) in ends.items():
                for left in list(self._open[destination]):
                    if left.until is None:
                        left.until = end
                    if stable >= left.until:
                        self._open[destination].remove(left)
                    else:
                        await self._look_at(destination, left, stable)
                if not self._open[destination]:
                    del self._open[destination]
            return {each for each in asked if each in self._open}

    async def _look_at(self, destination: Destination, left: _Open, stable: int) -> None:
        now = time.monotonic()
        if stable != left.stable:
            left.stable, left.since = stable, now
            return
        if now - left.since < STANDSTILL_SECONDS or (left.committed is not None and stable < left.committed):
            # In the second case something of another process stands there.
            return
        left.since = now
        commits = stable == left.committed
        producer = self._log.producer(left.transactional_id)
        try:
            async with asyncio.timeout(_ENDING_SECONDS):
                await producer.start()
                await producer.mark(destination, commits=commits)
                await producer.stop()
        except (KafkaError, TimeoutError) as error:
            await producer.abandon()
            logger.warning(
                "what a transaction left open in a log is not ended; tried again",
                topic=destination[0],
                partition=destination[1],
                error=repr(error),
            )
            return
        logger.warning(
            "ended what a transaction left open in a log that had no leader",
            topic=destination[0],
            partition=destination[1],
            as_="committed" if commits else "aborted",
        )


class LastCommitted:
    """The last committed transaction of the id in use, by log: its markers may have been left out as well.

    The process learns of no failure then. Somebody who reads the log would wait until the id writes to it
    again, which may be never.
    """

    def __init__(self) -> None:
        self._begins: dict[Destination, int] = {}
        self._stood: dict[Destination, int] = {}
        self._next_look = 0.0

    def note(self, begins: Mapping[Destination, int]) -> None:
        """Note where in each log a transaction began that is committed now."""
        self._begins |= begins

    def forget(self) -> None:
        """Another id is in use: see Leftovers."""
        self._begins, self._stood = {}, {}

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return bool(self._begins) and time.monotonic() >= self._next_look

    async def standing(self, producer: Producer, without_leader: Collection[Destination]) -> set[Destination]:
        """Return the logs that stand before such a transaction at two looks; forget those that do not."""
        self._next_look = time.monotonic() + _LOOK_SECONDS
        asked = {each: begin for each, begin in self._begins.items() if each not in without_leader}
        ends = await producer.stable_ends(asked) if asked else {}
        before, self._stood = self._stood, {}
        for each, (stable, _) in ends.items():
            begin = asked[each]
            if self._begins.get(each) != begin:
                # Meanwhile another one was committed.
                continue
            if stable > begin:
                del self._begins[each]
            else:
                self._stood[each] = begin
        return {each for each, begin in self._stood.items() if ends[each][0] == begin == before.get(each)}
