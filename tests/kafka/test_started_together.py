"""Workers that start at the same moment: rebalances follow each other during takeovers."""

import signal

from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import SMALL_CYCLES

STARTS = 3
WORKERS = 3
# Per start. Half of them wait for the workers; the others arrive while the group assigns partitions.
REPORTS = 3_000
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


def test_workers_started_at_once_share_a_backlog(deploy, tmp_path):
    with KafkaCluster(tmp_path) as cluster:
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
