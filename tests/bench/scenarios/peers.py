"""One worker, and then other stream processors, work off the same reports from the same topic.

The peers do a part of a worker's job: see `tests/bench/peers/job.py`, and docs/performance.md, 'Peers'. What
each has counted is compared with a plain count of all reports, so none is fast because it leaves some out.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.running.topics.topic_catalogue import load_catalogue
from tests.bench import traffic
from tests.bench.outputs import WARM_UP
from tests.bench.peers import programs, results
from tests.bench.peers.job import Counting, Result, as_text, brute_force, countings
from tests.bench.place import PARTITIONS, SOURCE, Place, Site, cpu_seconds
from tests.bench.scenarios.backlog import HOUR_MS, Worked, an_hour_ago, work_off
from tests.kafka.harness.workers import Worker

# Enough for Java to compile what runs often, and few enough for the slowest peer.
REPORTS = 100_000
# A peer is stuck if it commits nothing for that long. The first start of a Java program may take seconds.
STUCK_SECONDS = 120.0
LOOK_SECONDS = 0.1
# Each closes its stores in good order.
STOP_SECONDS = 30.0


class Peer(NamedTuple):
    """A program beside the worker: how to get its command, and how to read what it has counted."""

    application: str
    command: Callable[[Place], list[str]]
    counts: results.Counts


PEERS = {
    "Kafka Streams DSL": Peer(
        "dsl", lambda place: programs.kafka_streams("DslCounts", place.folder), results.dsl_counts
    ),
    "Kafka Streams Processor API": Peer(
        "processor",
        lambda place: programs.kafka_streams("ProcessorCounts", place.folder),
        results.processor_counts,
    ),
    "Quix Streams": Peer("quix", lambda _: programs.quix_streams(), results.quix_counts),
}


def measure(place: Place) -> dict[str, float]:
    """Reports per second and CPU time per report of the worker and of each peer that can run here."""
    count = place.amount(REPORTS)
    reports = list(traffic.usual(count, an_hour_ago(), HOUR_MS))
    job = countings()
    expected = brute_force(reports, job)
    with Site(place) as site:
        worked = work_off(site, reports, "u1", count)
        figures = {
            "beside peers, one worker: reports/s": worked.rate,
            "beside peers, one worker: CPU per report": worked.cpu,
        }
        try:
            for name, peer in PEERS.items():
                try:
                    command = peer.command(place)
                except programs.NotToBeHad as error:
                    print(f"{name} is left out: {error}", file=sys.stderr)
                    continue
                peers, escalations = _work_off(site, place, peer, command, job, expected, count)
                figures |= {
                    f"{name}: reports/s": peers.rate,
                    f"{name}: ratio to the worker": peers.rate / worked.rate,
                    f"{name}: CPU per report": peers.cpu,
                    f"{name}: escalations": escalations,
                }
        finally:
            _delete_topics_of_peers(site)
    return figures


def _work_off(
    site: Site,
    place: Place,
    peer: Peer,
    command: list[str],
    job: Mapping[str, Counting],
    expected: Result,
    count: int,
) -> tuple[Worked, int]:
    """Run one peer to the end of the topic; its speed, and the number of channels and categories escalated.

    Raises AssertionError unless it has counted what is expected.
    """
    application, output = site.name(peer.application), site.name(f"{peer.application}-escalations")
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    admin.create_topics([NewTopic(output, PARTITIONS, 1)])[output].result(20)
    settings = {
        "BENCH_BOOTSTRAP": site.bootstrap,
        "BENCH_APPLICATION": application,
        "BENCH_SOURCE": site.name(SOURCE),
        "BENCH_OUTPUT": output,
        "BENCH_JOB": as_text(job),
        "BENCH_STATE": str(place.folder / application),
    }
    program = site.start(command, settings)
    worked = _progress(site, program, application, count)
    site.stop(program, signal.SIGTERM)
    found = results.result(site.bootstrap, application, output, peer.counts, job)
    assert found.counts == expected.counts, (
        f"{application} counted {sum(found.counts.values())} times in {len(found.counts)} windows, not "
        f"{sum(expected.counts.values())} times in {len(expected.counts)}"
    )
    assert found.levels == expected.levels, f"{application} escalated otherwise than the reports say"
    return worked, len(found.levels)


def _progress(site: Site, program: Worker, application: str, count: int) -> Worked:
    """Wait until the committed offsets of the peer say that it has read all, and measure from a tenth on."""
    consumer = Consumer({"bootstrap.servers": site.bootstrap, "group.id": application, "log_level": 0})
    partitions = [TopicPartition(site.name(SOURCE), number) for number in range(PARTITIONS)]
    begin = (time.monotonic(), 0, cpu_seconds(program))
    done, grown_at = 0, time.monotonic()
    try:
        while done < count:
            time.sleep(LOOK_SECONDS)
            assert program.exit_code is None, f"{application} ended:\n{program.tail()}"
            now = time.monotonic()
            assert now - grown_at < STUCK_SECONDS, f"{application} is stuck at {done}:\n{program.tail()}"
            before = done
            # A broker that has just started does not answer at first; the limit above ends what lasts.
            with suppress(KafkaException):
                done = sum(max(0, each.offset) for each in consumer.committed(partitions, timeout=20))
            if done > before:
                grown_at = now
            # The warm-up ends with the last look before a tenth is done, in which a Java program starts too.
            if done <= count * WARM_UP:
                begin = (now, done, cpu_seconds(program))
    finally:
        consumer.close()
    began, already, cpu = begin
    return Worked(
        (count - already) / (grown_at - began), (cpu_seconds(program) - cpu) / (count - already) * 1e6
    )


def _delete_topics_of_peers(site: Site) -> None:
    """Delete their outputs and what they keep in Kafka; the site deletes the topics of Tocsin."""
    own = {site.name(topic) for topic in load_catalogue()}
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    peers = [name for name in admin.list_topics(timeout=20).topics if site.prefix in name and name not in own]
    if peers:
        for deleted in admin.delete_topics(peers).values():
            deleted.result(20)
