"""What a takeover asks the brokers beyond what aiokafka's public methods ask: to fence another producer, and for true ends."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from streams.runtime.errors import OwnershipLost, RefusedToStart
from streams.runtime.transaction import TRANSACTION_SECONDS

logger = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

# How long to repeat a request. A broker that restarts is away for some 5 s, a leader election is shorter.
ANSWER_SECONDS = 20.0

_PAUSE_SECONDS = 0.1
# A coordinator writes the markers of an aborted transaction in a few milliseconds.
_MARKERS_SECONDS = 0.005

# Instead of a time: the first record, and the place after the last one.
FIRST, END = -2, -1
_READ_UNCOMMITTED = 0


class FoundOffset(NamedTuple):
    """A place in a log, and the time of the record there in ms since the epoch; both -1 if there is no such record."""

    offset: int
    timestamp: int


_AWAY = (
    kafka_errors.NodeNotReadyError, kafka_errors.KafkaConnectionError, kafka_errors.RequestTimedOutError,
    kafka_errors.CoordinatorNotAvailableError, kafka_errors.CoordinatorLoadInProgressError,
    kafka_errors.NotCoordinatorError, kafka_errors.NotLeaderForPartitionError, kafka_errors.LeaderNotAvailableError,
    kafka_errors.UnknownTopicOrPartitionError, kafka_errors.ReplicaNotAvailableError,
    kafka_errors.NoBrokersAvailable,
)  # fmt: skip


async def fence(client: Any, transactional_id: str) -> None:
    """Fence the producer with this id. Afterwards what it had open is aborted or committed, with all markers written.

    No later request of that producer is accepted. Raises OwnershipLost when no broker answers, and RefusedToStart when
    this user may not.
    """
    started = time.monotonic()

    async def ask() -> bool:
        node = await client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        request = InitProducerIdRequest(
            transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_SECONDS * 1000
        )
        answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        error = kafka_errors.for_code(answer.error_code)
        if error is kafka_errors.ConcurrentTransactions:
            # Its transaction is being ended; it is fenced only when that is over.
            return False
        if error is not kafka_errors.NoError:
            raise error
        return True

    try:
        while not await repeated(client, ask, f"fencing {transactional_id}"):
            if time.monotonic() - started > ANSWER_SECONDS:
                raise OwnershipLost(f"the transaction of {transactional_id} was not ended by the brokers")
            await asyncio.sleep(_MARKERS_SECONDS)
    except kafka_errors.TransactionalIdAuthorizationFailed as error:
        raise not_allowed(transactional_id) from error
    logger.debug("fenced", transactional_id=transactional_id, seconds=round(time.monotonic() - started, 3))


def not_allowed(transactional_id: str) -> RefusedToStart:
    """The error of a user who may not use a transactional id."""
    return RefusedToStart(
        f"this user may not use the transactional id {transactional_id}: grant Write and Describe as in "
        "docs/deployment.md, 'Who may do what'."
    )


async def offsets_by_time(
    client: Any, times: Mapping[TopicPartition, int]
) -> dict[TopicPartition, FoundOffset]:
    """The first record of each log with a time (ms since the epoch) or a later one; also FIRST and END.

    The end includes open transactions: `AIOKafkaConsumer.end_offsets` of a read_committed consumer hides what belongs to these.
    One request per broker, whatever the number of logs. The client must know the topics.
    """
    found: dict[TopicPartition, FoundOffset] = {}

    async def ask() -> None:
        by_leader: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for tp, at in times.items():
            leader = client.cluster.leader_for_partition(tp)
            if leader is None or leader == -1:
                raise kafka_errors.LeaderNotAvailableError(f"{tp.topic} partition {tp.partition}")
            by_leader[leader][tp.topic].append((tp.partition, at))
        answers = await asyncio.gather(
            *(
                client.send(leader, OffsetRequest(-1, _READ_UNCOMMITTED, list(topics.items())))
                for leader, topics in by_leader.items()
            )
        )
        for answer in answers:
            for topic, partitions in answer.topics:
                for partition, code, timestamp, offset in partitions:
                    if code:
                        raise kafka_errors.for_code(code)(f"{topic} partition {partition}")
                    found[TopicPartition(topic, partition)] = FoundOffset(offset, timestamp)

    await repeated(client, ask, "asking for offsets")
    return found


async def repeated(client: Any, ask: Callable[[], Awaitable[Answer]], what: str) -> Answer:
    """Ask until the brokers answer. Raises OwnershipLost after ANSWER_SECONDS."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return await ask()
        except _AWAY as error:
            if time.monotonic() > deadline:
                raise OwnershipLost(f"{what}: no broker answered in time ({error!r})") from error
            await asyncio.sleep(_PAUSE_SECONDS)
            await client.force_metadata_update()
