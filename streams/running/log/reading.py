"""Reads a part of a log."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition

from streams.running.log.log import Reader

# How long a fetch waits for records. They are there, or what is left are markers: then it waits in vain.
_WAIT_MS = 20


async def records_between(consumer: Reader, tp: TopicPartition, begin: int, end: int) -> AsyncIterator[Any]:
    """Yield the records of a log from one offset to another, up to which it can be read.

    `consumer` then reads no other log.
    """
    # After an assignment something must be read: a consumer that stops at once may wait for ever, because
    # aiokafka's fetching task takes its own cancellation for that of an earlier request.
    if begin >= end:
        return
    consumer.assign([tp])
    consumer.seek(tp, begin)
    # By the fetch position, not by the last record's offset: the log may end with a transaction marker.
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=_WAIT_MS)).get(tp, ()):
            if record.offset < end:
                yield record
