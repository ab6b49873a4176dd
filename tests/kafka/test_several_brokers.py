"""Three replicated brokers: workers that start at the same moment, brokers that go away under load or in the
middle of a takeover.

All tests share one cluster, because its four Java programs cost more than the tests.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.kafka.harness.admin import Operator
from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.deployment import RULE_CHANGES, STATE
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import endless, generate, now_ms, spam_report
from tests.kafka.harness.rule_acts import BOB, HAVE_NO_TRIALS, UNSIGNED, RuleActs
from tests.kafka.harness.rulings import check_judged_once, judged_by
from tests.kafka.harness.steps import Call, Sent, commit, is_stopped, struck_worker, takeover
from tests.kafka.harness.workers import SMALL_CYCLES, changed_worker
from tests.kafka.test_claims import open_claims


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[KafkaCluster]:
    """The cluster of all tests here."""
    with KafkaCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running) -> KafkaCluster:
    """The cluster with all brokers, also after a test that failed."""
    running.mend()
    return running


# --- workers that start at the same moment: rebalances follow each other during takeovers

STARTS = 3
WORKERS = 3
# Per start. Half of them wait for the workers; the others arrive while the group assigns partitions.
REPORTS = 1_500
PIECE = 100


def start_together(deployment, waiting, coming):
    """Publish, start the workers, and keep publishing until each owns partitions.

    Returns the workers.
    """
    fleet = deployment.fleet
    publisher = deployment.publisher()
    # Most of these must be re-keyed. The internal topic is written in transactions, which causes fetches of
    # markers only.
    deployment.publish(waiting, LIBRDKAFKA_DEFAULT)
    workers = [fleet.start() for _ in range(WORKERS)]
    left = list(coming)

    def publish(records):
        publisher.send(records)
        deployment.published += records

    def all_own_partitions():
        piece, left[:PIECE] = left[:PIECE], []
        publish(piece)
        return all("owns partitions [" in worker.text for worker in workers)

    fleet.wait_for(all_own_partitions, 90, "every worker owns partitions")
    publish(left)
    publisher.flush()
    return workers


@pytest.mark.nightly
def test_workers_started_at_once_share_a_backlog(deploy, cluster):
    deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings)
    fleet = deployment.fleet
    fleet.command = SMALL_CYCLES
    reports = generate(43, STARTS * REPORTS)
    for start in range(0, len(reports), REPORTS):
        middle, end = start + REPORTS // 2, start + REPORTS
        workers = start_together(deployment, reports[start:middle], reports[middle:end])
        if end == len(reports):
            deployment.wait_until_applied()
        assert fleet.running == workers, "a worker ended and was started again"
        # Except the last time, they are stopped while they work, so the next ones find a backlog.
        for worker in workers:
            worker.signal(signal.SIGTERM)
        assert [worker.wait(30) for worker in workers] == [0] * WORKERS
        fleet.tend()
        # A worker stopped while another was leaving may still be a member. The next ones would wait until
        # its session expires and then all join in one rebalance.
        evict_everybody(cluster.bootstrap, deployment.group)
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


# --- brokers go away under load

# Longer than the controller waits for a silent broker.
FROZEN_SECONDS = 5

ONE_OF_EACH = (("restart", 1), ("kill", 2), ("freeze", 3))
# As an operator restarts all of them.
ALL_IN_TURN = (("restart", 1), ("restart", 2), ("restart", 3), ("kill", 1), ("freeze", 2))


@pytest.mark.nightly
@pytest.mark.parametrize("faults", [ONE_OF_EACH, ALL_IN_TURN])
def test_workers_continue_while_one_broker_is_away(deploy, cluster, faults):
    deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings)
    fleet = deployment.fleet
    publisher = deployment.publisher()
    reports = endless(31)
    done = threading.Event()

    def publish_until_done():
        while not done.wait(0.1):
            piece = [*islice(reports, 25)]
            publisher.send(piece)
            deployment.published += piece
        publisher.flush()

    def restart(number):
        cluster.stop(number)
        cluster.start(number)

    def kill(number):
        cluster.kill(number)
        pause(3)
        cluster.start(number)

    def freeze(number):
        os.kill(cluster.pid(number), signal.SIGSTOP)
        pause(FROZEN_SECONDS)
        os.kill(cluster.pid(number), signal.SIGCONT)

    def pause(seconds):
        until = time.monotonic() + seconds
        fleet.wait_for(lambda: time.monotonic() > until, seconds + 30, "a while")

    def wait_for_progress():
        applied = deployment.applied()
        fleet.wait_for(lambda: deployment.applied() > applied, 90, "progress")

    first = fleet.start()
    fleet.wait_for(lambda: "owns partitions [0, 1, 2, 3]" in first.text, 60, "the first worker's takeover")
    fleet.start()
    publishing = threading.Thread(target=publish_until_done)
    publishing.start()
    applied_meanwhile = []
    try:
        fleet.wait_for(lambda: deployment.applied() > 500, 60, "first progress")
        for what, number in faults:
            applied = deployment.applied()
            {"restart": restart, "kill": kill, "freeze": freeze}[what](number)
            if what != "freeze":
                applied_meanwhile.append(deployment.applied() - applied)
            wait_for_progress()
            cluster.wait_until_in_sync()
    finally:
        done.set()
        publishing.join(120)
    assert all(applied_meanwhile), "a worker made no progress while one broker was away"
    deployment.wait_until_applied()
    assert set(fleet.exit_codes) <= {1}
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


# --- a broker goes away while rules change


@pytest.mark.nightly
def test_rules_are_approved_while_brokers_are_away(deploy, cluster):
    deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings | UNSIGNED)
    fleet, acts = deployment.fleet, RuleActs(deployment.settings)
    fleet.command = changed_worker(HAVE_NO_TRIALS)
    numbers = iter(range(0, 10_000, 40))

    def publish():
        first = next(numbers)
        deployment.publish([spam_report(n, f"c-{n % 7}", now_ms()) for n in range(first, first + 40)])

    def wait_for_rules(rule_set):
        fleet.wait_for(lambda: judged_by(deployment) == {rule_set}, 90, "every partition has changed")

    one = acts.put_into_force()
    two = acts.put_into_force("PT6H", "PT5H")
    workers = [fleet.start(), fleet.start()]
    publish()
    wait_for_rules(two)

    # Two of three are left: all partitions change at once.
    away = cluster.leaders(deployment.name(RULE_CHANGES))[0]
    cluster.kill(away)
    acts.act(BOB, "rolled_back", one)
    publish()
    wait_for_rules(one)
    cluster.start(away)
    cluster.wait_until_in_sync()
    publish()

    # One is left, where nothing can be written: they change when another one is back.
    for worker in workers:
        worker.signal(signal.SIGSTOP)
    acts.act(BOB, "rolled_back", two)
    first, second = (number for number in (1, 2, 3) if number != away)
    for number in (first, second):
        cluster.kill(number)
    for worker in workers:
        worker.signal(signal.SIGCONT)
    for number in (first, second):
        cluster.start(number)
    publish()
    wait_for_rules(two)
    cluster.wait_until_in_sync()
    publish()
    deployment.wait_until_applied()
    check_judged_once(deployment)


# --- in the middle of a takeover the broker goes away that knows the transaction of who is taken over from

# So that nothing but a fence ends its transaction during the test.
LONG_TRANSACTIONS = """
from streams.running.log import log
log.TRANSACTION_SECONDS = 300
"""

STEPS = {
    "between claim and fence": takeover("before", "ClaimsView", "_fence_claimants"),
    # The first is for its own id. The answer may be lost, and the transaction be ended by the next
    # coordinator.
    "during the fence": Sent("InitProducerIdRequest", 2),
    "between fence and read": takeover("after", "ClaimsView", "fence_others"),
    "during the read": Call(
        "after", "streams.running.partitions.partition_owner", "PartitionOwner", "restore", 2
    ),
}


# A broker that stops moves its leaders first, one that is killed leaves them. Each case takes some twenty
# seconds.
@pytest.mark.nightly
@pytest.mark.parametrize(
    ("step", "go_away"),
    [
        ("between claim and fence", KafkaCluster.stop),
        ("during the fence", KafkaCluster.kill),
        ("between fence and read", KafkaCluster.stop),
        ("during the read", KafkaCluster.kill),
    ],
)
def test_a_takeover_survives_a_change_of_leaders(deploy, cluster, step, go_away):
    deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings)
    fleet = deployment.fleet
    deployment.publish(generate(61, 4_000))
    zombie = fleet.start(struck_worker(commit("before", 3), signal.SIGSTOP, LONG_TRANSACTIONS))
    fleet.running.remove(zombie)
    try:
        fleet.wait_for(lambda: is_stopped(zombie), 60, "a worker suspended in a transaction")
        (its_id,) = open_claims(deployment)
        assert Operator(deployment.bootstrap).is_held_up(deployment.name(STATE), 4)
        evict_everybody(deployment.bootstrap, deployment.group)
        heir = fleet.start(struck_worker(STEPS[step], signal.SIGSTOP))
        fleet.wait_for(lambda: is_stopped(heir), 60, f"its heir is {step}")
        coordinator = cluster.coordinator_of(its_id)
        led = [n for n, leader in cluster.leaders(deployment.name(STATE)).items() if leader == coordinator]
        assert led, "the coordinator leads no partition of the state"

        go_away(cluster, coordinator)
        heir.signal(signal.SIGCONT)
        fleet.wait_for(lambda: "owns partitions [" in heir.text, 60, "the takeover")
        assert its_id in heir.text
        # What it has in memory belongs to another: with its epoch of before it would be written twice.
        zombie.signal(signal.SIGCONT)
        assert zombie.wait(60) == 1
        assert "another worker took over this state" in zombie.text, zombie.tail()
        deployment.wait_until_applied()
        assert fleet.exit_codes == [], "the heir had to start again"
        reader = deployment.outputs()
        check_outputs(deployment, reader)
        check_replay(deployment, reader, shipped_rules())
    finally:
        zombie.end()
