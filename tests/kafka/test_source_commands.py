"""A flood slows one source of one partition and nothing else; operators pause, resume and skip sources
exactly once.
"""

import time
from collections import Counter

import orjson
import pytest

from streams.contract.wire.partitioner import home_partition
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, SOURCE
from tests.kafka.harness.reports import now_ms, spam_report
from tests.runbook_lines import arguments, mitigation

FLOODED, OTHER = 0, 1
WHY = ("--reason", "flood of a publisher", "--actor", "op-7f3a")


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


def channel(partition):
    """A channel whose home is the partition."""
    return next(f"c-{n}" for n in range(99) if home_partition(f"c-{n}".encode(), 2) == partition)


def honest(partition, first, count):
    return [spam_report(number, channel(partition), now_ms()) for number in range(first, first + count)]


def flood(deployment, count):
    Operator(deployment.bootstrap).write(deployment.name(SOURCE), FLOODED, [(b"k", b"x")] * count)


def enriched(deployment):
    return Counter(
        orjson.loads(row.value)["report"]["report_id"]
        for row in deployment.outputs().all(deployment.name(ENRICHED))
    )


def letters(deployment):
    return Counter(
        dict(row.headers)["tocsin-reason"].decode()
        for row in deployment.outputs().all(deployment.name(DEAD_LETTERS))
    )


def test_a_flood_slows_its_source_alone_and_can_be_skipped(deployment, tocsin):
    worker = deployment.fleet.start()
    deployment.publish(honest(FLOODED, 0, 10))
    deployment.wait_until_applied()
    flood(deployment, 20_000)
    deployment.publish([*honest(FLOODED, 10, 10), *honest(OTHER, 20, 10)])
    fleet = deployment.fleet
    fleet.wait_for(lambda: enriched(deployment)["s-29"], 30, "the other partition goes on", tend=False)
    assert not enriched(deployment)["s-10"]
    fleet.wait_for(lambda: letters(deployment)["not_json"] > 500, 30, "the flood is being read", tend=False)
    # At 100 a second; without a limit all of them are read in two seconds.
    assert letters(deployment)["not_json"] < 15_000
    assert "dead letter breaker tripped: the source is read slowly" in worker.text

    end = 10 + 20_000
    place = ("--topic", SOURCE, "--partition", str(FLOODED))
    shown = tocsin("source", "skip", *place, "--until", str(end), *WHY)
    assert shown.exit_code == 0, shown.output
    assert "nothing was written" in shown.output
    assert f"to {end - 1}, up to" in shown.output
    assert tocsin("source", "skip", *place, "--until", str(end), *WHY, "--yes").exit_code == 0
    deployment.wait_until_applied(60)
    counted = letters(deployment)
    assert counted["skipped"] > 5_000
    assert counted["skipped"] + counted["not_json"] == 20_000
    assert enriched(deployment) == Counter({f"s-{number}": 1 for number in range(30)})
    assert fleet.running == [worker]
    again = tocsin("source", "skip", *place, "--until", str(end), *WHY, "--yes")
    assert (again.exit_code, "there is nothing to skip" in again.output) == (1, True)


def test_a_paused_source_waits_over_restarts_until_it_is_resumed(deployment, tocsin):
    fleet = deployment.fleet
    worker = fleet.start()
    deployment.publish(honest(FLOODED, 0, 5))
    deployment.wait_until_applied()
    place = ("--topic", SOURCE, "--partition", str(FLOODED))
    early = tocsin("source", "resume", *place, *WHY, "--yes")
    assert (early.exit_code, "is not paused" in early.output) == (1, True)
    assert "nothing was written" in tocsin("source", "pause", *place, *WHY).output
    pause = mitigation("TocsinSourceResting", "tocsin source pause")
    assert tocsin(*arguments(pause, TOPIC=SOURCE, PARTITION=FLOODED)).exit_code == 0
    fleet.wait_for(lambda: "paused by operators" in worker.text, 20, "paused", tend=False)
    deployment.publish([*honest(FLOODED, 5, 5), *honest(OTHER, 10, 5)])
    fleet.wait_for(lambda: enriched(deployment)["s-14"], 30, "the other partition goes on", tend=False)
    worker.terminate()
    fleet.tend()
    second = fleet.start()
    fleet.wait_for(lambda: "paused by operators" in second.text, 30, "still paused", tend=False)
    deployment.publish(honest(OTHER, 15, 1))
    fleet.wait_for(lambda: enriched(deployment)["s-15"], 30, "the other partition goes on", tend=False)
    assert not enriched(deployment)["s-5"]
    assert "paused" in tocsin("source", "show").output
    assert tocsin("source", "resume", *place, *WHY, "--yes").exit_code == 0
    deployment.wait_until_applied(60)
    assert enriched(deployment) == Counter({f"s-{number}": 1 for number in range(16)})


def test_a_record_that_stops_every_worker_is_skipped_without_one(deployment, tocsin):
    fleet = deployment.fleet
    operator = Operator(deployment.bootstrap)
    for setting, first in (("CreateTime", 0), ("LogAppendTime", 3)):
        operator.set(deployment.name(SOURCE), "message.timestamp.type", setting)
        # The broker answers before the new setting is in force.
        time.sleep(2)
        deployment.publish(honest(FLOODED, first, 3))
    worker = fleet.start()
    assert worker.wait(60) == 1
    fleet.running.clear()
    place = ("--topic", SOURCE, "--partition", str(FLOODED))
    beyond = tocsin("source", "skip", *place, "--until", "99", *WHY, "--yes")
    assert (beyond.exit_code, "not published yet" in beyond.output) == (1, True)
    # A worker that crashed stays in the group until its session ends.
    fleet.wait_for(
        lambda: "no worker runs" in tocsin("source", "skip", *place, "--until", "3", *WHY, "--yes").output,
        30,
        "skip",
    )
    fleet.start()
    deployment.wait_until_applied(60)
    assert letters(deployment) == Counter(skipped=3)
    assert enriched(deployment) == Counter({f"s-{number}": 1 for number in (3, 4, 5)})
