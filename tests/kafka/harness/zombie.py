"""Producers of workers that no longer run, with an open transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from streams.running.identity import former_transactional_id
from streams.running.log.claims import StatePartition
from streams.running.log.connection import Connection
from streams.running.log.destinations import DestinationTrouble
from streams.running.log.writer import Writer
from streams.running.takeover.takeover import Claims


@asynccontextmanager
async def claimant(bootstrap: str, prefix: str, place: StatePartition) -> AsyncIterator[AIOKafkaProducer]:
    """The producer of a process that claims a partition, in a transaction."""
    writer = await _claimed(Connection(bootstrap), prefix, place)
    try:
        producer = writer._started()
        await producer.begin_transaction()
        yield producer
    finally:
        await writer.stop()


async def _claimed(connection: Connection, prefix: str, place: StatePartition) -> Writer:
    """A writer that has claimed a partition, once a broker leads the topic of claims, which may be new."""
    while True:
        writer = Writer(connection, prefix)
        await writer.start()
        try:
            await Claims(connection, writer).claim([place], 0, "zombie")
            return writer
        except DestinationTrouble:
            await writer.stop()
            await asyncio.sleep(0.1)


@asynccontextmanager
async def former_version(
    bootstrap: str, prefix: str, place: StatePartition
) -> AsyncIterator[AIOKafkaProducer]:
    """The producer of a worker of a version that had an id for each partition and wrote no claims, in a
    transaction.
    """
    owner = former_transactional_id(prefix, *place)
    async with Connection(bootstrap).producer(owner) as producer:
        await producer.begin_transaction()
        yield producer
