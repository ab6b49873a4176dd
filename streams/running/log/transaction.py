"""Writes records to any topics in one Kafka transaction: all or none."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced

from streams.running.errors import OwnershipLost
from streams.running.log.append_times import clock_difference
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.log import TRANSACTION_SECONDS, Appended, Destination, Producer, Refused, Write
from streams.running.wall_clock import clock_ms

# How long a producer may take to stop. It waits for the responses to its requests, which take milliseconds if
# the broker answers at all.
STOPPING_SECONDS = 2.0

# How long to try to end a transaction that failed, so that read_committed readers need not wait until
# another worker fences this one.
ENDING_SECONDS = 1.0

# How often to ask why destinations have not answered. Nearly all transactions are over before the first time.
LOOK_SECONDS = 0.5

# The errors of a broker that knows a newer producer with the same transactional id.
FENCED = (ProducerFenced, InvalidProducerEpoch)

Answer = TypeVar("Answer")

Writes = Mapping[Destination, Sequence[Write]]


class Follow(Protocol):
    """What follows from records of a transaction, in the same transaction."""

    @property
    def logs(self) -> Collection[Destination]:
        """Where something may follow from what is written. It may become less with every call of `follow`."""

    async def follow(self, writes: Writes, appended: Mapping[Destination, Sequence[Appended]], /) -> Writes:
        """Is told what was written to `logs`, and where it is; returns what is to be written next.

        Raises nothing.
        """


def always() -> bool:
    """What may be appended by a producer that has committed nothing before."""
    return True


async def write_transaction(
    producer: Producer,
    writes: Writes,
    timestamp_ms: int,
    follow: Follow | None = None,
    begins: dict[Destination, int] | None = None,
    may_append: Callable[[], bool] = always,
) -> int | None:
    """Write all records, and what follows from them, and commit.

    The records of one destination keep their order. Those from which nothing follows are written last, so
    that no log is written to twice which need not be. `begins` is told the first offset in each destination,
    -1 as long as that is not known. `timestamp_ms` is this machine's clock. Returns by how many ms the broker
    whose clock differs most is ahead of it (see clock_difference).

    `may_append` is asked once the transaction before has its markers. If it is False, nothing is written, and
    the answer is None: what that transaction may have left open in the same logs is committed.

    Raises OwnershipLost when no commit was confirmed within TRANSACTION_SECONDS, whatever the reason. The
    broker may have committed all the same, so the caller must discard its state. Raises DestinationTrouble
    when some destinations take no records: then nothing is committed, and this producer must be abandoned.
    """
    begins = {} if begins is None else begins
    begun = False
    try:
        async with asyncio.timeout(TRANSACTION_SECONDS):
            await producer.begin_transaction()
            begun = True
            differences = []
            await _answers(producer, {asyncio.create_task(producer.join(writes)): writes})
            if not may_append():
                await producer.commit_transaction()
                return None
            last: dict[Destination, list[Write]] = defaultdict(list)
            while writes or last:
                first = {to: rows for to, rows in writes.items() if follow and to in follow.logs}
                for destination, rows in writes.items():
                    if destination not in first:
                        last[destination] += rows
                writes = first or last
                answers = await _append(producer, writes, timestamp_ms, begins)
                differences += _differences(answers, timestamp_ms)
                if follow is None or writes is last:
                    break
                writes = await follow.follow(writes, dict(zip(writes, answers, strict=True)))
            await producer.commit_transaction()
            return max(differences, key=abs, default=0)
    except DestinationTrouble as trouble:
        failure = producer.failure()
        if isinstance(failure, FENCED):
            raise OwnershipLost(f"transaction did not commit: {failure!r}", fenced=True) from trouble
        raise
    except (KafkaError, IllegalOperation, AssertionError, TimeoutError) as error:
        reason = producer.failure() or error
        fenced = isinstance(reason, FENCED)
        if not fenced:
            # Without a record, its markers may only end what was committed before. If it could not begin,
            # another one is open, of which nothing is known here.
            await _try_to_end(producer, commits=begun and not begins)
        raise OwnershipLost(
            f"transaction did not commit: {type(reason).__name__} {reason}", fenced=fenced
        ) from error


async def _append(
    producer: Producer, writes: Writes, timestamp_ms: int, begins: dict[Destination, int]
) -> list[list[Appended]]:
    for destination in writes:
        begins.setdefault(destination, -1)
    answers = await _answers(
        producer,
        {
            asyncio.create_task(producer.append(*destination, rows, timestamp_ms)): (destination,)
            for destination, rows in writes.items()
        },
    )
    for destination, answer in zip(writes, answers, strict=True):
        if begins[destination] < 0:
            begins[destination] = answer[0].offset
    return answers


def _differences(answers: Iterable[Iterable[Appended]], timestamp_ms: int) -> list[int]:
    now_ms = clock_ms()
    return [
        clock_difference(each.timestamp, timestamp_ms, now_ms)
        for answer in answers
        for each in answer
        if each.timestamp > 0
    ]


async def _answers(
    producer: Producer, asking: Mapping[asyncio.Task[Answer], Collection[Destination]]
) -> list[Answer]:
    """What the brokers answer; each question is about some destinations.

    Raises DestinationTrouble if these are the reason why there is no answer.
    """
    waiting: Collection[asyncio.Task[Answer]] = asking
    began = time.monotonic()
    try:
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for each in done:
                each.result()
            if waiting:
                troubles = await producer.troubles(
                    [destination for each in waiting for destination in asking[each]],
                    time.monotonic() - began,
                    others_answered=len(waiting) < len(asking),
                )
                if troubles:
                    raise DestinationTrouble(troubles)
        return [each.result() for each in asking]
    except Refused as refused:
        raise DestinationTrouble([refused.trouble]) from refused
    finally:
        for each in asking:
            # Several may have failed. asyncio would log an exception that is never retrieved.
            if not each.cancel() and not each.cancelled():
                each.exception()


async def _try_to_end(producer: Producer, *, commits: bool) -> None:
    with suppress(KafkaError, IllegalOperation, AssertionError, AttributeError, TimeoutError):
        async with asyncio.timeout(ENDING_SECONDS):
            await (producer.commit_transaction() if commits else producer.abort_transaction())


async def stop_producer(producer: Producer) -> None:
    """Stop a producer, even if no broker answers. The next owner aborts a transaction that is left open."""
    try:
        async with asyncio.timeout(STOPPING_SECONDS):
            await producer.stop()
    except TimeoutError:
        await producer.abandon()
