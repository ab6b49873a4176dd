"""Workers that start at the same moment: one rebalance follows the other while partitions are being taken over."""

import signal

import pytest

from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

# Minutes on an idle machine are many on one that runs other tests beside.
pytestmark = pytest.mark.timeout(600)

STARTS = 3
WORKERS = 3
# Of each start; half of them wait for the workers, the others come while these share the partitions out.
REPORTS = 6_000
PIECE = 100


def start_together(deployment, waiting, coming):
    """Publish, start the workers, and go on publishing until each has its share. Gives the workers and the seconds."""
    fleet = deployment.fleet
    publisher = deployment.publisher()
    # To another partition than their home, most of them: what goes there in transactions brings fetches of markers.
    deployment.publish(waiting, LIBRDKAFKA_DEFAULT)
    workers = [fleet.start() for _ in range(WORKERS)]
    left = list(coming)

    def publish(records):
        publisher.send(records)
        deployment.published += records

    def all_have_their_share():
        piece, left[:PIECE] = left[:PIECE], []
        publish(piece)
        return all("owns partitions [" in worker.text for worker in workers)

    seconds = fleet.wait_for(all_have_their_share, 90, "every worker has its share")
    publish(left)
    publisher.flush()
    return workers, round(seconds, 1)


def test_started_at_once_with_a_backlog(deploy, tmp_path):
    with KafkaCluster(tmp_path) as cluster:
        deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings)
        fleet = deployment.fleet
        reports = generate(43, STARTS * REPORTS)
        waited, stayed = [], []
        for start in range(0, len(reports), REPORTS):
            middle, end = start + REPORTS // 2, start + REPORTS
            workers, seconds = start_together(deployment, reports[start:middle], reports[middle:end])
            waited.append(seconds)
            if end == len(reports):
                deployment.wait_until_applied()
            assert fleet.running == workers, "somebody had to start a second time"
            # In the middle of their work but for the last time: the next ones find a backlog.
            for worker in workers:
                worker.signal(signal.SIGTERM)
            assert [worker.wait(30) for worker in workers] == [0] * WORKERS
            fleet.tend()
            # Who was told to stop while another one left may still be in the group. The next ones would wait for its
            # session to end and then join all at once, in one rebalance.
            stayed.append(evict_everybody(cluster.bootstrap, deployment.group))
        reader = deployment.outputs()
        totals = check_outputs(deployment, reader)
        compared = check_replay(deployment, reader, shipped_rules())
        print(
            f"measured: {totals} {compared}, every worker had its share after {waited} s, {stayed} were left in the group"
        )
