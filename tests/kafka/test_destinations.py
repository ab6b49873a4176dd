"""A partition without a leader holds up who writes to it or reads it, and nobody else; no worker ends for it.

All tests share two brokers. The second one has one partition of one topic, and goes away.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.contract.wire.partitioner import home_partition
from streams.running.log.claims import StatePartition
from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.deployment import (
    CLAIMS,
    DEAD_LETTERS,
    ENRICHED,
    REPORTERS_INTERNAL,
    SHADOW,
    SOURCE,
    STATE,
    VERIFIED,
)
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import Published, endless, generate
from tests.kafka.harness.zombie import claimant

PARTITIONS = 4
AWAY = 3
PER_SECOND = 100


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("cluster"), brokers=2, replicas=1) as cluster:
        yield cluster


@pytest.fixture
def cluster(running) -> KafkaCluster:
    """Both brokers, also after a test that failed."""
    running.mend()
    return running


def reports_of(reader, topic):
    """The rows of a topic by the id of their report."""
    return {orjson.loads(row.value)["report"]["report_id"]: row for row in reader.all(topic)}


def published_at(deployment, reader):
    found = {}
    for topic in (SOURCE, VERIFIED):
        for row in reader.all(deployment.name(topic)):
            try:
                report_id = orjson.loads(row.value)["report_id"]
            except (ValueError, LookupError, TypeError):
                continue
            if report_id not in found or row.timestamp < found[report_id].timestamp:
                found[report_id] = row
    return found


def unreadable() -> Iterator[Published]:
    """Records whose dead letters belong to the partition that goes away."""
    keys = (b"key-%d" % number for number in count())
    for key in keys:
        if home_partition(key, PARTITIONS) == AWAY:
            yield Published(key, b"no report: " + key, None, "not_json")


def play(deployment, cluster, seconds, go_away, *, joins=False):
    """Two workers and reports while the second broker is away for so long; everything is applied once.

    With `joins` a third worker joins meanwhile. Returns what was written, and when (ms) the broker went and
    came.
    """
    fleet = deployment.fleet
    publisher = deployment.publisher()
    reports, bad, done = endless(77), unreadable(), threading.Event()

    def publish_until_done():
        while not done.wait(0.1):
            piece = [*islice(reports, PER_SECOND // 10), next(bad)]
            publisher.send(piece)
            deployment.published += piece

    workers = [fleet.start(), fleet.start()]
    fleet.wait_for(lambda: all("owns partitions [" in each.text for each in workers), 60, "the takeovers")
    publishing = threading.Thread(target=publish_until_done)
    publishing.start()
    try:
        fleet.wait_for(lambda: deployment.applied() > 300, 60, "first progress")
        went = time.time() * 1000
        go_away(cluster, 2)
        until = time.monotonic() + seconds
        if joins:
            workers.append(fleet.start())
            fleet.wait_for(lambda: "owns partitions [" in workers[-1].text, 60, "who joins owns partitions")
        fleet.wait_for(lambda: time.monotonic() > until, seconds + 30, "a while")
        came = time.time() * 1000
        cluster.start(2)
    finally:
        done.set()
        publishing.join(120)
    publisher.flush()
    deployment.wait_until_applied()
    assert fleet.exit_codes == []
    assert fleet.running == workers
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    return reader, went, came


@pytest.mark.parametrize(
    ("topic", "seconds", "go_away"),
    [
        (ENRICHED, 8, KafkaCluster.kill),
        *(
            pytest.param(topic, 8, KafkaCluster.stop, marks=pytest.mark.nightly)
            for topic in (STATE, DEAD_LETTERS, REPORTERS_INTERNAL, SOURCE)
        ),
        *(
            pytest.param(topic, 90, KafkaCluster.kill, marks=pytest.mark.nightly)
            for topic in (ENRICHED, DEAD_LETTERS, REPORTERS_INTERNAL, STATE, SOURCE)
        ),
    ],
)
def test_one_partition_without_a_leader_holds_up_nobody_else(
    deploy, prefix, cluster, topic, seconds, go_away
):
    cluster.place(load_catalogue(), f"{prefix}0.", PARTITIONS, (topic, AWAY))
    deployment = deploy(bootstrap=cluster.bootstrap, partitions=PARTITIONS)
    # A state that cannot be read, and a source, must not keep the others from a takeover.
    reader, went, came = play(deployment, cluster, seconds, go_away, joins=topic in (STATE, SOURCE))
    sent = published_at(deployment, reader)
    enriched = reports_of(reader, deployment.name(ENRICHED))
    waits, late = [], Counter()
    for report_id, row in enriched.items():
        source = sent[report_id]
        at = source.timestamp
        if not went < at < came:
            continue
        wait = (row.timestamp - at) / 1000
        if AWAY in (row.partition, source.partition):
            late[wait > 2] += 1
        else:
            waits.append(wait)
    waits.sort()
    print(f"{topic}: reports of its own partition that waited more than 2 s, and others: {dict(late)}")
    # With an internal topic each partition waits that has a report for the one without a leader.
    if topic != REPORTERS_INTERNAL:
        print(
            f"{topic}: {len(waits)} reports of others, p50 {waits[len(waits) // 2]:.2f} s, "
            f"p99 {waits[int(len(waits) * 0.99)]:.2f} s, longest {waits[-1]:.2f} s"
        )
        assert waits[0] * 1000 < came - went, "others waited, too"
    named = [
        line
        for each in deployment.fleet.running
        for line in each.text.splitlines()
        if "destination in trouble" in line
    ]
    # Nobody writes to a source.
    assert topic == SOURCE or any(f"topic={deployment.name(topic)}" in line for line in named)


@pytest.mark.nightly
@pytest.mark.parametrize("go_away", [KafkaCluster.kill, KafkaCluster.stop])
def test_half_of_all_partitions_without_a_leader_end_no_worker(deploy, cluster, go_away):
    deployment = deploy(bootstrap=cluster.bootstrap, partitions=PARTITIONS)
    play(deployment, cluster, 15, go_away)


@pytest.mark.parametrize(
    ("commits", "heirs"),
    [(True, 2), pytest.param(False, 1, marks=pytest.mark.nightly)],
    ids=["committed", "aborted"],
)
def test_others_end_what_a_killed_worker_left_open(deploy, prefix, cluster, commits, heirs):
    """A transaction ends while one of its logs has no leader, and so without a marker in that log; the worker
    that began it is killed, and all of its heirs but one end before that log has a leader again.
    """
    cluster.place(load_catalogue(), f"{prefix}0.", PARTITIONS, (SHADOW, AWAY))
    deployment = deploy(bootstrap=cluster.bootstrap, partitions=PARTITIONS)
    topic, fleet = deployment.name(SHADOW), deployment.fleet

    async def leave_open():
        place = StatePartition("reports", AWAY)
        async with claimant(cluster.bootstrap, deployment.prefix, place) as producer:
            for partition in (AWAY, 0):
                await producer.append(topic, partition, [(b"", b"left open", [])], int(time.time() * 1000))
            cluster.kill(2)
            fleet.wait_for(lambda: cluster.leaders(topic)[AWAY] == -1, 30, "no leader")
            if commits:
                await producer.commit_transaction()
            await producer.abandon()

    asyncio.run(leave_open())
    for heir in range(heirs):
        if heir:
            fleet.running[0].terminate()
            fleet.tend()
        worker = fleet.start()
        fleet.wait_for(lambda: "owns partitions [" in worker.text, 60, "the takeover")  # noqa: B023
    cluster.start(2)
    operator = Operator(cluster.bootstrap)
    fleet.wait_for(lambda: not operator.is_held_up(topic, PARTITIONS), 60, "the end of what is left open")
    rows = deployment.outputs().rows[topic]
    assert len(rows[AWAY]) == len(rows[0]) == commits


@pytest.mark.nightly
def test_a_restart_while_claims_has_no_leader_stops_what_nobody_owns_alone(deploy, prefix, cluster):
    cluster.place(load_catalogue(), f"{prefix}0.", PARTITIONS, (CLAIMS, 0))
    deployment = deploy(bootstrap=cluster.bootstrap, partitions=PARTITIONS)
    fleet = deployment.fleet
    staying, leaving = fleet.start(), fleet.start()
    fleet.wait_for(lambda: "of reporters" in leaving.text and "of reporters" in staying.text, 60, "takeovers")
    deployment.publish(generate(71, 400))
    deployment.wait_until_applied()
    cluster.kill(2)
    fleet.wait_for(lambda: cluster.leaders(deployment.name(CLAIMS))[0] == -1, 30, "no leader")
    leaving.terminate()
    fleet.tend()
    fleet.wait_for(lambda: "claimed before go on" in staying.text, 60, "it goes on")
    before = deployment.applied()
    deployment.publish(generate(72, 400))
    fleet.wait_for(lambda: deployment.applied() > before + 50, 60, "what is owned is applied")
    joining = fleet.start()
    fleet.wait_for(lambda: joining.text, 30, "another one starts")
    # The command does not wait for what nobody can read.
    found = CliRunner().invoke(commands, ["status"], env=deployment.settings)
    assert found.output.startswith(f"not healthy: without a leader: {deployment.name(CLAIMS)} partition 0 (")
    assert "who owns what is unknown" in found.output
    cluster.start(2)
    deployment.wait_until_applied()
    assert fleet.running == [staying, joining]
    check_outputs(deployment, deployment.outputs())
