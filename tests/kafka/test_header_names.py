"""Kafka's header names are text by agreement only; one that is not must not stop a partition."""

import asyncio
import struct

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, SOURCE
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, generate, now_ms, report

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


def test_the_stream_goes_on_behind_it(deploy):
    deployment = deploy(partitions=1)
    before, after = (generate(seed, 200, duplicates=0, bad=0) for seed in (81, 82))
    good = report("with-a-strange-header", now_ms())
    deployment.publish(before)
    for value in (orjson.dumps(good), b"no report at all"):
        record = Published(b"k", value)
        asyncio.run(
            publish_with_a_name_that_is_no_text(deployment.bootstrap, deployment.name(SOURCE), record)
        )
    deployment.publish(after)
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    # The client that the other tests read with gives up at such a record, so only outputs are read.
    with Reader(deployment.bootstrap, [deployment.name(ENRICHED), deployment.name(DEAD_LETTERS)]) as reader:
        reader.catch_up()
    enriched = [
        orjson.loads(row.value)["report"]["report_id"] for row in reader.rows[deployment.name(ENRICHED)][0]
    ]
    expected = [record.facts.report_id for record in before] + [good["report_id"]]
    assert enriched == expected + [record.facts.report_id for record in after]
    (letter,) = reader.rows[deployment.name(DEAD_LETTERS)][0]
    assert letter.value == b"no report at all"
    assert dict(letter.headers)["tocsin-reason"] == b"not_json"
    assert "\\xff-name-in-\\xc3scii" in dict(letter.headers)
    assert worker.exit_code is None
