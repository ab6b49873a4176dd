"""How long read_committed subscribers stand still when a worker is killed in an open transaction."""

import re
import signal
import threading
import time
from collections import defaultdict
from itertools import islice, pairwise

import pytest
from confluent_kafka import Consumer

from streams.running.takeover.membership import LONGEST_SESSION_SECONDS
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import ENRICHED
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import endless
from tests.kafka.harness.steps import commit, struck_worker

RATE = 100
# Some seconds of cycles.
COMMITS = 60


class Subscriber:
    """Reads a topic's committed records all the time, and remembers when those of each partition came
    (monotonic).
    """

    def __init__(self, deployment, topic):
        self.came = defaultdict(list)
        self._done = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": deployment.bootstrap,
                "group.id": deployment.name("subscriber"),
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )
        self._consumer.subscribe([deployment.name(topic)])
        self._thread = threading.Thread(target=self._read)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._consumer.close()

    def _read(self):
        while not self._done.is_set():
            message = self._consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.came[message.partition()].append(time.monotonic())


def owned(worker):
    """The partitions of reports that a worker took over last."""
    return [int(number) for number in re.findall(r"owns partitions \[(.*?)\]", worker.text)[-1].split(",")]


def longest_wait(subscriber, partitions, killed_at):
    """Between two records of a partition, the second of which came after the kill."""
    waits = [
        later - sooner
        for each in partitions
        for sooner, later in pairwise(subscriber.came[each])
        if later > killed_at
    ]
    return f"{max(waits):.1f} s"


@pytest.mark.nightly
@pytest.mark.parametrize("successor", ["none", "at once", "at once, under its instance name"])
def test_subscribers_wait_for_the_session_at_most(deploy, successor):
    deployment = deploy()
    fleet = deployment.fleet
    operator = Operator(deployment.bootstrap)
    reports = endless(75)
    publisher = deployment.publisher()
    done = threading.Event()

    def publish():
        began = time.monotonic()
        while not done.wait(0.02):
            due = int((time.monotonic() - began) * RATE)
            piece = [*islice(reports, due - len(deployment.published))]
            publisher.send(piece)
            deployment.published += piece
        publisher.flush()

    other = fleet.start()
    fleet.wait_for(lambda: "owns partitions [" in other.text, 40, "the takeover of the other worker")
    publishing = threading.Thread(target=publish)
    with Subscriber(deployment, ENRICHED) as subscriber:
        publishing.start()
        try:
            if "name" in successor:
                fleet.settings["TOCSIN_INSTANCE"] = "pod-0"
            killed = fleet.start(struck_worker(commit("before", COMMITS), signal.SIGKILL))
            fleet.running.remove(killed)
            assert killed.wait(60) == -signal.SIGKILL
            killed_at = time.monotonic()
            heir = other if successor == "none" else fleet.start()
            its, others = owned(killed), owned(other)
            ends = operator.committed_ends(deployment.name(ENRICHED), its)
            # A record that came now was written before.
            fleet.wait_for(
                lambda: operator.committed_ends(deployment.name(ENRICHED), its) != ends, 40, "the abort"
            )
            open_for = time.monotonic() - killed_at
            if "name" in successor:
                said = "ended the transactions that a former process of this instance left open"
                fleet.wait_for(lambda: said in heir.text, 40, "the successor says so")
                assert f"{deployment.prefix}tocsin-pod-0-" in heir.text
                # It did not wait until the group gave it the partitions.
                assert "owns partitions [" not in heir.text.partition(said)[0]
            fleet.wait_for(
                lambda: (
                    all(subscriber.came[each][-1] > killed_at + 2 + open_for for each in (*its, *others))
                    and time.monotonic() > killed_at + LONGEST_SESSION_SECONDS + 4
                ),
                60,
                "records of all partitions",
            )
        finally:
            done.set()
            publishing.join()
    deployment.wait_until_applied()
    waits = (longest_wait(subscriber, partitions, killed_at) for partitions in (its, others))
    print(f"measured: {successor}: open for {open_for:.1f} s, longest waits {' and '.join(waits)}")
    if "name" not in successor:
        # Without a fence only the brokers would end the transaction.
        assert "fenced workers that left partitions without releasing them" in other.text + heir.text
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
