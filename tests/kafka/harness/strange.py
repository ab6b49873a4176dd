"""Records that clients of Kafka choke on: a header's name that is no text, and a batch that unpacks to too much."""

import struct

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from tests.kafka.harness.reports import Published

PLACEHOLDER = b"a-name-in-ascii"
NO_TEXT = b"\xff-name-in-\xc3scii"

# Of a record batch of version 2: the CRC, and where what it covers begins.
CRC_AT, COVERED_FROM = 17, 21


async def publish_with_a_name_that_is_no_text(bootstrap: str, topic: str, record: Published) -> None:
    """No client lets us; so the batch is changed after it was built."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        headers = [(PLACEHOLDER.decode(), b"x")]
        batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        batch._build()
        data = bytearray(batch._buffer).replace(PLACEHOLDER, NO_TEXT)
        struct.pack_into(">I", data, CRC_AT, calc_crc32c(bytes(data[COVERED_FROM:])))
        batch._buffer = data
        await (await producer.send_batch(batch, topic, partition=0))


def publish_bomb(bootstrap: str, topic: str, partition: int = 0) -> None:
    """One record of 300 MB, some 32 KB on the wire: more than a worker unpacks."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "zstd",
            "message.max.bytes": 400_000_000,
        }
    )
    producer.produce(topic, bytes(300_000_000), b"bomb", partition)
    assert producer.flush(60) == 0
