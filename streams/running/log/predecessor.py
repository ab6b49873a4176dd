"""Ends what a killed process left open, as soon as its successor under the same instance name starts.

Otherwise its transaction stays open until another worker takes its partitions over, and the group hands them
over only when the session of the killed process ends. Subscribers wait that long, on every partition that it
wrote to.
"""

import asyncio
import time

import structlog
from aiokafka import errors as kafka_errors

from streams.running.errors import OwnershipLost
from streams.running.identity import ids_of_instance
from streams.running.log.fencing import fence, repeated
from streams.running.log.leftovers import LeftOpen
from streams.running.log.log import Producer

logger = structlog.get_logger(__name__)

# A coordinator lists and ends transactions in some 40 ms. A broker that does not answer must not keep the
# worker from starting: what it holds ends with the takeover.
ENDING_SECONDS = 5.0


async def end_predecessor(
    producer: Producer, prefix: str, instance: str, own: str
) -> dict[str, LeftOpen | None]:
    """Fence every producer of this instance with an open transaction, but the one with the id `own`.

    Return what each of them may have left open (see fence). Goes on with a warning when the brokers cannot
    tell or do not answer within ENDING_SECONDS. Raises RefusedToStart when this user may not use the ids of
    other workers.
    """
    started = time.monotonic()
    former = ids_of_instance(prefix, instance)

    async def end_all() -> dict[str, LeftOpen | None]:
        found = sorted(
            each for each in await producer.open_transactions() if former.fullmatch(each) and each != own
        )
        left = await asyncio.gather(*(fence(producer, each) for each in found))
        return dict(zip(found, left, strict=True))

    try:
        async with asyncio.timeout(ENDING_SECONDS):
            ended = await repeated(producer, end_all, "listing transactions")
    except (kafka_errors.KafkaError, NotImplementedError, OwnershipLost, TimeoutError) as error:
        logger.warning(
            "what a former process of this instance left open stays open until its partitions are taken over",
            instance=instance,
            error=repr(error),
        )
        return {}
    if ended:
        logger.info(
            "ended the transactions that a former process of this instance left open",
            instance=instance,
            ids=list(ended),
            seconds=round(time.monotonic() - started, 3),
        )
    return ended
