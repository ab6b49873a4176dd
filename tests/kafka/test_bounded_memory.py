"""Whatever a publisher puts in the logs, a worker stays within its memory and applies the honest records."""

import asyncio
import os
import re
from pathlib import Path

import orjson
import pytest

from tests.hostile_batches import batch, record, varint
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, REQUESTS, SOURCE
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import generate
from tests.kafka.harness.strange import publish_batches

MIB = 1 << 20
LIMIT_MIB = 512


def many(count, value, headers=b"\x00"):
    return batch(b"".join(record(number, value, headers) for number in range(count)), count), count


def hostile_batches():
    """By name: the batch, how many records it has, and how often it is published to every partition."""
    two_bytes_each = varint(3_000_000) + bytes(6_000_000)
    below_the_limit = varint(240) + b"\x02a\x02b" * 240
    return {
        "a batch that unpacks to 60 MiB": (*many(1, bytes(60 * MIB)), 12),
        "a record of 15 MiB": (*many(1, bytes(15 * MIB)), 3),
        "records of 1 MB": (*many(14, bytes(1_000_000)), 1),
        "a record of 3 million headers": (*many(1, b"{}", two_bytes_each), 5),
        "records of 240 headers": (*many(500, b"", below_the_limit), 1),
        "empty records": (*many(5_000, b""), 1),
        # Random bytes do not compress, so these are large on the log as well.
        "records of random bytes": (*many(15, os.urandom(60_000)), 2),
    }


@pytest.mark.nightly
def test_a_worker_stays_within_its_memory_whatever_the_logs_hold(deploy):
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc to read the peak memory of another process")
    deployment = deploy(settings={"TOCSIN_DEAD_LETTER_BREAKER": "off"})
    honest, rejected, on_the_log = [], 0, 0
    for number, (made, count, times) in enumerate(hostile_batches().values()):
        reports = generate(700 + number, 100, duplicates=0, bad=0)
        deployment.publish(reports)
        honest += reports
        for topic in (SOURCE, REQUESTS):
            for partition in range(deployment.partitions):
                asyncio.run(
                    publish_batches(deployment.bootstrap, deployment.name(topic), partition, [made] * times)
                )
                rejected += count * times
                on_the_log += len(made) * times
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(
        lambda: worker.exit_code is not None or deployment.everything_applied(), 200, "applied", tend=False
    )
    assert worker.exit_code is None, worker.tail()
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024
    # Not the sources: the reader is a client like any other.
    with Reader(deployment.bootstrap, map(deployment.name, (ENRICHED, DEAD_LETTERS))) as reader:
        reader.catch_up()
    applied = [
        orjson.loads(row.value)["report"]["report_id"] for row in reader.all(deployment.name(ENRICHED))
    ]
    assert sorted(applied) == sorted(report.facts.report_id for report in honest)
    assert reader.count(deployment.name(DEAD_LETTERS)) == rejected
    reasons = {dict(row.headers)["tocsin-reason"] for row in reader.all(deployment.name(DEAD_LETTERS))}
    assert reasons == {b"bad_batch", b"oversized", b"empty", b"invalid_utf8"}
    assert peak < LIMIT_MIB
