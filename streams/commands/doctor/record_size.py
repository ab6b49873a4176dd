"""Whether the largest record that Tocsin writes passes, and is read again."""

import os

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from streams.commands.doctor.finding import Finding
from streams.running.clients.kafka_reading import partition_reader
from streams.running.log.connection import Connection

# What Kafka adds to a record in a batch of its own, and what a broker may count besides.
_OVERHEAD = 512


async def prove_record_size(
    connection: Connection, producer: AIOKafkaProducer, topic: str, limit: int
) -> list[Finding]:
    """Write a record of `limit` bytes, which nothing compresses, to partition 0 of a topic, and read it."""
    value = os.urandom(limit - _OVERHEAD)
    try:
        written = await producer.send_and_wait(topic, value, partition=0)
    except MessageSizeTooLargeError as error:
        return [
            Finding(
                "largest record",
                "failed",
                f"the brokers refuse a record of {limit:,} bytes although its topic allows it ({error!r})",
                "Raise the limit of the brokers, or of what stands before them, to more than that.",
            )
        ]
    place = TopicPartition(topic, 0)
    async with partition_reader(connection, [place]) as reader:
        reader.seek(place, written.offset)
        record = await reader.getone()
    if record.value != value:
        return [
            Finding(
                "largest record",
                "failed",
                f"a record of {limit:,} bytes comes back changed",
                "Do not run Tocsin on these brokers.",
            )
        ]
    return [
        Finding("largest record", "ok", f"one of {limit:,} bytes, the most of any topic, is written and read")
    ]
