"""Writes an act on rules for a worker, which otherwise writes in transactions alone."""

from aiokafka import AIOKafkaProducer

from streams.contract.wire.records import OutputRecord
from streams.running.log.connection import Connection


async def write_act(connection: Connection, prefix: str, record: OutputRecord) -> None:
    """Write a record, and return when the brokers have confirmed it."""
    producer = AIOKafkaProducer(**connection.client_options(), enable_idempotence=True)
    # Also after a start that failed: it may have connected.
    try:
        await producer.start()
        await producer.send_and_wait(
            prefix + record.topic, record.value, record.key, headers=list(record.headers)
        )
    finally:
        await producer.stop()
