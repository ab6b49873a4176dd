"""Ends what a killed process left open, as soon as its successor under the same instance name starts.

Otherwise its transaction stays open until another worker takes its partitions over, and the group hands them over only
when the session of the killed process ends. Subscribers wait that long, on every partition that it wrote to.
"""

import asyncio
import time
from itertools import chain
from typing import Any

import structlog
from aiokafka import errors as kafka_errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from streams.runtime.errors import OwnershipLost
from streams.runtime.fencing import fence, repeated
from streams.runtime.identity import ids_of_instance

logger = structlog.get_logger(__name__)

# A coordinator lists and ends transactions in some 40 ms. A broker that does not answer must not keep the worker from
# starting: what it holds ends with the takeover.
ENDING_SECONDS = 5.0

# All states in which a transaction keeps readers waiting.
_OPEN = ["Ongoing", "PrepareCommit", "PrepareAbort"]


class _Answer(Response):  # type: ignore[misc]
    API_KEY = 66
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("unknown_state_filters", CompactArray(CompactString("utf-8"))),
        (
            "transaction_states",
            CompactArray(
                ("transactional_id", CompactString("utf-8")),
                ("producer_id", Int64),
                ("transaction_state", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]
    API_KEY = 66
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("state_filters", CompactArray(CompactString("utf-8"))),
        ("producer_id_filters", CompactArray(Int64)),
        ("tags", TaggedFields),
    )


class ListTransactions(Request[_Question]):  # type: ignore[misc]
    """Kafka's request for the open transactions of one coordinator (KIP-664), which aiokafka does not have.

    The brokers leave out transactional ids that this user may not describe.
    """

    API_KEY = 66

    def build(self, request_struct_class: type[_Question]) -> _Question:
        """Return the request in a version that the broker knows."""
        return request_struct_class(_OPEN, [], {})


async def end_predecessor(client: Any, prefix: str, instance: str, own: str) -> None:
    """Fence every producer of this instance with an open transaction, but the one with the id `own`.

    Goes on with a warning when the brokers cannot tell or do not answer within ENDING_SECONDS. Raises RefusedToStart when
    this user may not use the ids of other workers.
    """
    started = time.monotonic()
    former = ids_of_instance(prefix, instance)

    async def end_at(node: int) -> list[str]:
        answer = await client.send(node, ListTransactions())
        error = kafka_errors.for_code(answer.error_code)
        if error is not kafka_errors.NoError:
            raise error
        found = [row[0] for row in answer.transaction_states if former.fullmatch(row[0]) and row[0] != own]
        await asyncio.gather(*(fence(client, each) for each in found))
        return found

    async def end_everywhere() -> list[str]:
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        return sorted(chain.from_iterable(await asyncio.gather(*map(end_at, nodes))))

    try:
        async with asyncio.timeout(ENDING_SECONDS):
            ended = await repeated(client, end_everywhere, "listing transactions")
    except (kafka_errors.KafkaError, NotImplementedError, OwnershipLost, TimeoutError) as error:
        logger.warning(
            "what a former process of this instance left open stays open until its partitions are taken over",
            instance=instance,
            error=repr(error),
        )
        return
    if ended:
        logger.info(
            "ended the transactions that a former process of this instance left open",
            instance=instance,
            ids=ended,
            seconds=round(time.monotonic() - started, 3),
        )
