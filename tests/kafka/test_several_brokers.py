"""Three replicated brokers under load: each is restarted in turn, then one is killed and one is paused."""

import os
import signal
import threading
import time

import pytest

from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

# Takes a few minutes on an idle machine, and much longer on one that runs other tests at the same time.
pytestmark = pytest.mark.timeout(600)

# More than the test can publish at 500 per second.
REPORTS = 100_000

# Longer than the controller waits for a silent broker.
FROZEN_SECONDS = 5


def test_workers_continue_while_one_broker_is_away(deploy, tmp_path):
    with KafkaCluster(tmp_path) as cluster:
        deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings)
        fleet = deployment.fleet
        publisher = deployment.publisher()
        reports = generate(31, REPORTS)
        done = threading.Event()

        def publish_until_done():
            while not done.wait(0.1):
                sent = len(deployment.published)
                publisher.send(reports[sent : sent + 50])
                deployment.published += reports[sent : sent + 50]
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

        def seconds_until_progress():
            applied = deployment.applied()
            return round(fleet.wait_for(lambda: deployment.applied() > applied, 90, "progress"), 1)

        first = fleet.start()
        fleet.wait_for(
            lambda: "owns partitions [0, 1, 2, 3]" in first.text, 60, "the first worker's takeover"
        )
        fleet.start()
        publishing = threading.Thread(target=publish_until_done)
        publishing.start()
        applied_meanwhile, waited = [], []
        try:
            fleet.wait_for(lambda: deployment.applied() > 1000, 60, "first progress")
            for what, number in ((restart, 1), (restart, 2), (restart, 3), (kill, 1), (freeze, 2)):
                applied = deployment.applied()
                what(number)
                applied_meanwhile.append(deployment.applied() - applied)
                waited.append(seconds_until_progress())
                cluster.wait_until_in_sync()
        finally:
            done.set()
            publishing.join(120)
        assert all(applied_meanwhile[:4]), "a worker made no progress while one broker was away"
        assert len(deployment.published) < REPORTS, "all reports were published before the last fault"
        deployment.wait_until_applied()
        assert set(fleet.exit_codes) <= {1}
        reader = deployment.outputs()
        totals = check_outputs(deployment, reader)
        compared = check_replay(deployment, reader, shipped_rules())
        print(
            f"measured: {totals} {compared} {applied_meanwhile} applied meanwhile, the next after {waited} s, "
            f"workers that had to start again: {len(fleet.ended)}"
        )
