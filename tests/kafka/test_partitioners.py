"""With any partitioner and codec, every report is applied once, at its home, with the same counts."""

import random
from collections import Counter
from dataclasses import replace

import orjson
from confluent_kafka import Producer

import pytest

from tests.kafka.harness.deployment import ENRICHED
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT, MURMUR2
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate, source_of


@pytest.mark.nightly
def test_reports_from_mixed_partitioners_are_applied_once(deploy):
    deployment = deploy()
    reports = generate(6, 9_000)
    random.Random(6).shuffle(reports)
    deployment.fleet.start()
    # At the same time, so that an owner gets reports of one channel from both of its source topics.
    right, other, without_key = (
        deployment.publisher(name) for name in (MURMUR2, LIBRDKAFKA_DEFAULT, MURMUR2)
    )
    keyless = [replace(record, key=None) for record in reports[2::3]]
    for start in range(0, 3_000, 150):
        for publisher, records in ((right, reports[0::3]), (other, reports[1::3]), (without_key, keyless)):
            publisher.send(records[start : start + 150])
    for publisher in (right, other, without_key):
        publisher.flush()
    deployment.published = reports[0::3] + reports[1::3] + keyless
    deployment.wait_until_applied()

    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
    moved = Counter(
        orjson.loads(row.value)["source"]["partition"] != row.partition
        for row in reader.all(deployment.name(ENRICHED))
    )
    # Expected: three quarters of two thirds. Fewer would mean that the partitioners did not differ.
    assert 0.4 < moved[True] / moved.total() < 0.6
    assert deployment.fleet.exit_codes == []


def test_every_compression_codec_is_read(deploy):
    deployment = deploy()
    for seed, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd"), 70):
        records = generate(seed, 300)
        producer = Producer(
            {
                "bootstrap.servers": deployment.bootstrap,
                "compression.type": codec,
                "log_level": 0,
                "linger.ms": 20,
            }
        )
        for record in records:
            producer.produce(deployment.name(source_of(record)), record.value, record.key)
        assert producer.flush(30) == 0
        deployment.published += records
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(
        lambda: worker.exit_code is not None or deployment.everything_applied(), 30, "applied", tend=False
    )
    assert worker.exit_code is None, worker.tail()
    check_outputs(deployment, deployment.outputs())
