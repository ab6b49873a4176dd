"""Records that no usual client sends: an undecodable header name, a batch that unpacks to 300 MB, a forged
append time.
"""

import struct
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from tests.kafka.harness.reports import Published

PLACEHOLDER = b"a-name-in-ascii"
NOT_UTF8 = b"\xff-name-in-\xc3scii"

# Byte offsets in a record batch of version 2: of the CRC, and of the first byte that the CRC covers.
CRC_AT, COVERED_FROM = 17, 21
# Of the lower byte of the attributes, and the bit that says that the broker set the time.
ATTRIBUTES_AT, APPEND_TIME = 22, 0b1000


async def publish_with_undecodable_header_name(bootstrap: str, topic: str, record: Published) -> None:
    """Publish a record with a header name that is not UTF-8.

    No client allows that, so the built batch is patched.
    """
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        headers = [(PLACEHOLDER.decode(), b"x")]
        batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        batch._build()
        data = bytearray(batch._buffer).replace(PLACEHOLDER, NOT_UTF8)
        struct.pack_into(">I", data, CRC_AT, calc_crc32c(bytes(data[COVERED_FROM:])))
        batch._buffer = data
        await (await producer.send_batch(batch, topic, partition=0))


async def publish_with_forged_append_time(
    bootstrap: str, topic: str, record: Published, timestamp_ms: int
) -> None:
    """Publish a record whose batch says that the broker set its time. Raises KafkaError if the broker refuses
    it.
    """
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=timestamp_ms, key=record.key, value=record.value, headers=[])
        batch._build()
        data = bytearray(batch._buffer)
        data[ATTRIBUTES_AT] |= APPEND_TIME
        struct.pack_into(">I", data, CRC_AT, calc_crc32c(bytes(data[COVERED_FROM:])))
        batch._buffer = data
        await (await producer.send_batch(batch, topic, partition=0))


async def publish_batches(bootstrap: str, topic: str, partition: int, batches: Sequence[bytes]) -> None:
    """Publish batches that were made by hand, in order, in the place of those of a client."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2_000_000) as producer:
        for made in batches:
            batch = producer.create_batch()
            batch.append(timestamp=None, key=None, value=b"", headers=[])
            batch._build()
            batch._buffer = bytearray(made)
            await (await producer.send_batch(batch, topic, partition=partition))


def publish_bomb(bootstrap: str, topic: str, partition: int = 0) -> None:
    """Publish one record of 300 MB that compresses to about 32 KB: more than a worker unpacks."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "zstd",
            "message.max.bytes": 400_000_000,
        }
    )
    producer.produce(topic, bytes(300_000_000), b"bomb", partition)
    assert producer.flush(60) == 0
