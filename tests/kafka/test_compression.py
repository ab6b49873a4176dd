"""What workers write is compressed with the codec of their setting, and each reads what another codec wrote."""

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from streams.running.errors import OversizedRecord
from streams.running.log.connection import Connection
from streams.running.log.position import POSITION_KEY
from streams.running.log.state_log import read_entries
from streams.running.log.writer import Writer
from streams.running.partitions.outputs import _BATCH_OVERHEAD_BYTES, Outputs
from streams.running.patches.install import install_patches
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.deployment import ENRICHED, STATE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

# In the attributes of a record batch.
NUMBERS = {"none": 0, "lz4": 3, "zstd": 4}


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


def test_workers_with_different_codecs_read_each_others_state(deploy):
    deployment = deploy()
    reports = generate(81, 4_000)
    seen = set()
    previous = None
    for part, codec in enumerate(("none", "lz4", "zstd")):
        deployment.fleet.settings["TOCSIN_COMPRESSION"] = codec
        worker = deployment.fleet.start()
        if previous is not None:
            # Until the next one has its share, two codecs are written at the same time.
            deployment.fleet.wait_for(
                lambda worker=worker: "owns partitions [" in worker.text, 30, "its share"
            )
            deployment.publish(reports[part * 1_000 : part * 1_000 + 500])
            deployment.wait_until_applied()
            previous.terminate()
            deployment.fleet.tend()
        deployment.publish(reports[part * 1_000 + (500 if previous else 0) : (part + 1) * 1_000])
        deployment.wait_until_applied()
        previous = worker
        # The log has no batch of a codec that no worker was set to.
        seen.add(NUMBERS[codec])
        assert codecs(deployment, ENRICHED) == seen
        assert codecs(deployment, STATE) == seen
    deployment.fleet.settings["TOCSIN_COMPRESSION"] = "none"
    previous.signal(signal.SIGKILL)
    previous.wait(10)
    deployment.fleet.tend()
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
        writer = Writer(Connection(deployment.bootstrap, compression=codec), deployment.prefix)
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
