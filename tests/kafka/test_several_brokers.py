"""Three replicated brokers under load: each is restarted in turn, then one is killed and one is paused."""

import os
import signal
import threading
import time
from itertools import islice

from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import endless

# Longer than the controller waits for a silent broker.
FROZEN_SECONDS = 5


def test_workers_continue_while_one_broker_is_away(deploy, tmp_path):
    with KafkaCluster(tmp_path) as cluster:
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
        fleet.wait_for(
            lambda: "owns partitions [0, 1, 2, 3]" in first.text, 60, "the first worker's takeover"
        )
        fleet.start()
        publishing = threading.Thread(target=publish_until_done)
        publishing.start()
        applied_meanwhile = []
        try:
            fleet.wait_for(lambda: deployment.applied() > 500, 60, "first progress")
            for what, number in ((restart, 1), (restart, 2), (restart, 3), (kill, 1), (freeze, 2)):
                applied = deployment.applied()
                what(number)
                applied_meanwhile.append(deployment.applied() - applied)
                wait_for_progress()
                cluster.wait_until_in_sync()
        finally:
            done.set()
            publishing.join(120)
        assert all(applied_meanwhile[:4]), "a worker made no progress while one broker was away"
        deployment.wait_until_applied()
        assert set(fleet.exit_codes) <= {1}
        reader = deployment.outputs()
        check_outputs(deployment, reader)
        check_replay(deployment, reader, shipped_rules())
