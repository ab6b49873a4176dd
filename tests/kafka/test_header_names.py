"""Kafka does not enforce that header names are UTF-8; one that is not must not stop a partition."""

import asyncio

import orjson

from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, SOURCE, VERIFIED
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.reports import Published, generate, now_ms, report, source_of
from tests.kafka.harness.strange import publish_with_undecodable_header_name


def test_the_stream_continues_after_an_undecodable_header_name(deploy):
    deployment = deploy(partitions=1)
    before, after = (generate(seed, 200, duplicates=0, bad=0) for seed in (81, 82))
    good = report("with-a-strange-header", now_ms())
    deployment.publish(before)
    for value in (orjson.dumps(good), b"no report at all"):
        record = Published(b"k", value)
        asyncio.run(
            publish_with_undecodable_header_name(deployment.bootstrap, deployment.name(SOURCE), record)
        )
    deployment.publish(after)
    worker = deployment.fleet.start()
    deployment.wait_until_applied()
    # The client of the test reader fails on such a record, so it reads only the outputs.
    with Reader(deployment.bootstrap, [deployment.name(ENRICHED), deployment.name(DEAD_LETTERS)]) as reader:
        reader.catch_up()
    enriched = [
        orjson.loads(row.value)["report"]["report_id"] for row in reader.rows[deployment.name(ENRICHED)][0]
    ]
    published = {topic: [] for topic in (SOURCE, VERIFIED)}
    for record in (*before, Published(b"k", orjson.dumps(good)), *after):
        published[source_of(record)].append(orjson.loads(record.value)["report_id"])
    # Reports without a reporter's ref overtake the others, and the two topics are read beside each other.
    assert sorted(enriched) == sorted(report_id for of_topic in published.values() for report_id in of_topic)
    (letter,) = reader.rows[deployment.name(DEAD_LETTERS)][0]
    assert letter.value == b"no report at all"
    assert dict(letter.headers)["tocsin-reason"] == b"not_json"
    assert "\\xff-name-in-\\xc3scii" in dict(letter.headers)
    assert worker.exit_code is None
