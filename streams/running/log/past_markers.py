"""Moves a position past what is left at the end of a log: transaction markers and aborted records."""

import asyncio

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.running.log.log import Log
from streams.running.log.position import Position, SourcePosition
from streams.running.log.state_log import end_if_nothing_follows

logger = structlog.get_logger(__name__)


async def past_markers(log: Log, partition: int, position: Position) -> dict[str, SourcePosition]:
    """Return the position at the end of each source log that holds only markers from the position on.

    It is unchanged if the brokers do not answer.
    """
    moved = dict(position)
    try:
        ends = await asyncio.gather(
            *(
                end_if_nothing_follows(log, TopicPartition(topic, partition), source.next_offset)
                for topic, source in position.items()
            )
        )
    except KafkaError as error:
        # The position takes weeks to fall before the log, so the next attempt is soon enough. A broker
        # that restarts must not stop the worker.
        logger.info(
            "position not moved past transaction markers; the next attempt follows later",
            partition=partition,
            error=repr(error),
        )
        return moved
    for (topic, source), end in zip(position.items(), ends, strict=True):
        if end != source.next_offset:
            # There is no record right before the new position, so there is no append time to recognise
            # the log by.
            moved[topic] = SourcePosition(end, source.partitions, None)
    return moved
