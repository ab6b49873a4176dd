"""Fences other producers and finds the true ends of logs: asks the brokers until they answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from streams.running.errors import OwnershipLost, RefusedToStart
from streams.running.log.leftovers import LeftOpen
from streams.running.log.log import FoundOffset, Producer

logger = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

# How long to repeat a request. A broker that restarts is away for some 5 s, a leader election is shorter.
ANSWER_SECONDS = 20.0

_PAUSE_SECONDS = 0.1
# A coordinator writes the markers of an aborted transaction in a few milliseconds.
_MARKERS_SECONDS = 0.005

_AWAY = (
    kafka_errors.NodeNotReadyError, kafka_errors.KafkaConnectionError, kafka_errors.RequestTimedOutError,
    kafka_errors.CoordinatorNotAvailableError, kafka_errors.CoordinatorLoadInProgressError,
    kafka_errors.NotCoordinatorError, kafka_errors.NotLeaderForPartitionError,
    kafka_errors.LeaderNotAvailableError,
    kafka_errors.UnknownTopicOrPartitionError, kafka_errors.ReplicaNotAvailableError,
    kafka_errors.NoBrokersAvailable,
)  # fmt: skip


async def fence(producer: Producer, transactional_id: str) -> LeftOpen | None:
    """Fence the producer with this id. Return what it may have left open; None if nothing, or if unknown.

    Afterwards what it had open is aborted or committed, with all markers written but those to logs without a
    leader. No later request of that producer is accepted. Who is fenced a second time has no transaction any
    more. Raises OwnershipLost when no broker answers, and RefusedToStart when this user may not.
    """
    started = time.monotonic()
    last = None
    try:
        while True:
            asked = partial(producer.last_transaction, transactional_id)
            last = (
                await repeated(producer, asked, f"asking for the transaction of {transactional_id}") or last
            )
            # While its transaction is being ended it is not fenced.
            ask = partial(producer.raise_epoch, transactional_id)
            if await repeated(producer, ask, f"fencing {transactional_id}"):
                break
            if time.monotonic() - started > ANSWER_SECONDS:
                raise OwnershipLost(f"the transaction of {transactional_id} was not ended by the brokers")
            await asyncio.sleep(_MARKERS_SECONDS)
    except kafka_errors.TransactionalIdAuthorizationFailed as error:
        raise not_allowed(transactional_id) from error
    logger.debug("fenced", transactional_id=transactional_id, seconds=round(time.monotonic() - started, 3))
    if last is None:
        return None
    # One that was open, and is not aborted now, was committed meanwhile.
    return LeftOpen(aborted_since=last.began_ms if last.state == "aborted" else None)


async def settle(producer: Producer, transactional_id: str, empty: Producer | None) -> None:
    """Decide what the former producer of this process left open: see log.py.

    Raises OwnershipLost when no broker answers.
    """
    ask = partial(producer.settle, transactional_id, empty)
    what = f"ending the transaction of {transactional_id}"
    while not await repeated(producer, ask, what):  # noqa: ASYNC110 - brokers raise no event
        await asyncio.sleep(_MARKERS_SECONDS)


def not_allowed(transactional_id: str) -> RefusedToStart:
    """The error of a user who may not use a transactional id."""
    return RefusedToStart(
        f"this user may not use the transactional id {transactional_id}: grant Write and Describe as in "
        "docs/deployment.md, 'Who may do what'."
    )


async def offsets_by_time(
    producer: Producer, times: Mapping[TopicPartition, int]
) -> dict[TopicPartition, FoundOffset]:
    """Offsets in logs by time: see log.py."""
    return await repeated(producer, partial(producer.offsets_by_time, times), "asking for offsets")


async def repeated(producer: Producer, ask: Callable[[], Awaitable[Answer]], what: str) -> Answer:
    """Ask until the brokers answer. Raises OwnershipLost after ANSWER_SECONDS."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return await ask()
        except _AWAY as error:
            if time.monotonic() > deadline:
                raise OwnershipLost(f"{what}: no broker answered in time ({error!r})") from error
            await asyncio.sleep(_PAUSE_SECONDS)
            await producer.update_metadata()
