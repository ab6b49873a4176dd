"""What workers write is compressed, and they go on from what earlier versions wrote with other codecs."""

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from streams.running.errors import OversizedRecord
from streams.running.log.connection import BATCH_BYTES, MAX_REQUEST_BYTES, Connection
from streams.running.log.position import POSITION_KEY
from streams.running.log.state_log import read_entries
from streams.running.log.writer import Writer
from streams.running.partitions.outputs import _BATCH_OVERHEAD_BYTES, Outputs
from streams.running.patches.install import install_patches
from streams.running.patches.producer import KafkaProducer
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.deployment import ENRICHED, STATE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

# In the attributes of a record batch. What earlier versions could be set to write with.
NUMBERS = {"none": 0, "lz4": 3, "zstd": 4}
# Small batches are written with lz4.
WRITTEN = {NUMBERS["lz4"], NUMBERS["zstd"]}


async def batches(bootstrap, topic, partition):
    """The codec of every batch in a log, and whether it is a marker."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        client.add_topic(topic)
        await client.force_metadata_update()
        found, offset = [], 0
        while True:
            wanted = [(topic, [(partition, offset, 1 << 24)])]
            answer = await client.send(
                client.cluster.leader_for_partition(TopicPartition(topic, partition)),
                FetchRequest(0, 0, 1 << 24, 0, wanted),
            )
            records = MemoryRecords(answer.topics[0][1][0][-1])
            if not records.has_next():
                return found
            while records.has_next():
                batch = records.next_batch()
                offset = batch.next_offset
                found.append((batch.compression_type, batch.is_control_batch))
    finally:
        await client.close()


def codecs(deployment, topic):
    """The codecs of a topic's batches in all partitions."""

    async def collect():
        used = set()
        for partition in range(deployment.partitions):
            rows = await batches(deployment.bootstrap, deployment.name(topic), partition)
            used |= {codec for codec, is_marker in rows if not is_marker}
        return used

    return asyncio.run(collect())


class EarlierProducer(KafkaProducer):
    """Writes every batch with its own codec, as the producers of 0.1 did."""

    def new_batch(self, _rows):
        return self.create_batch()


@dataclass(frozen=True, slots=True)
class EarlierConnection(Connection):
    """Writes with a codec that earlier versions could be set to."""

    codec: str = "none"

    def producer(self, transactional_id):
        return EarlierProducer(
            **self.client_options(),
            transactional_id=transactional_id,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            compression_type=None if self.codec == "none" else self.codec,
            acks="all",
        )


def write_state_again(deployment, codec):
    """Replace every record of the state by the same one in a batch of this codec."""
    rows = deployment.outputs().rows[deployment.name(STATE)]

    async def write():
        writer = Writer(EarlierConnection(deployment.bootstrap, codec=codec), deployment.prefix)
        await writer.start()
        try:
            for partition, found in rows.items():
                last = {row.key: row.value for row in found}
                again = [(key, value, []) for key, value in last.items() if value is not None]
                await writer.write({(deployment.name(STATE), partition): again})
        finally:
            await writer.stop()

    asyncio.run(write())


@pytest.mark.nightly
def test_workers_go_on_from_state_that_earlier_versions_wrote(deploy):
    deployment = deploy()
    reports = generate(81, 4_000)
    for part, codec in enumerate(NUMBERS):
        worker = deployment.fleet.start()
        deployment.publish(reports[part * 1_000 : (part + 1) * 1_000])
        deployment.wait_until_applied()
        worker.terminate()
        deployment.fleet.tend()
        write_state_again(deployment, codec)
    assert codecs(deployment, ENRICHED) <= WRITTEN
    assert codecs(deployment, STATE) == set(NUMBERS.values())
    deployment.fleet.start()
    deployment.publish(reports[3_000:])
    deployment.wait_until_applied()
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


def read_as_a_worker(connection, log, end):
    """The entries of a state log below an offset, with all that a worker changes in aiokafka."""
    install_patches()

    async def read():
        async with connection.reader() as consumer:
            return (await read_entries(consumer, log, end))[0]

    return asyncio.run(read())


def test_the_largest_state_record_that_may_be_written_is_read(deploy):
    deployment = deploy(partitions=1)
    log = TopicPartition(deployment.name(STATE), 0)
    size = load_catalogue()[STATE].max_message_bytes - _BATCH_OVERHEAD_BYTES - len(b"Kzstd-0")
    written = {}

    async def write(codec):
        writer = Writer(EarlierConnection(deployment.bootstrap, codec=codec), deployment.prefix)
        await writer.start()
        try:
            # Those that compress well, badly and not at all.
            for number, random in enumerate((0, size // 2, size)):
                value = os.urandom(random) + bytes(size - random)
                outputs = Outputs(writer, 0)
                outputs.add_state(log, {b"K%s-%d" % (codec.encode(), number): value}, {})
                await writer.write(outputs.writes)
                written[b"K%s-%d" % (codec.encode(), number)] = value
            with pytest.raises(OversizedRecord):
                Outputs(writer, 0).add_state(log, {b"Kzstd-0": bytes(size + 1)}, {})
            return (await writer.ends([log]))[log]
        finally:
            await writer.stop()

    for codec in NUMBERS:
        end = asyncio.run(write(codec))
    with ProcessPoolExecutor(1, get_context("spawn")) as child:
        entries = child.submit(read_as_a_worker, Connection(deployment.bootstrap), log, end).result()
    entries.pop(POSITION_KEY)
    # Without comparing their values in a message of 75 MB.
    assert {key: value == entries.get(key) for key, value in written.items()} == dict.fromkeys(written, True)
    assert codecs(deployment, STATE) == set(NUMBERS.values())
