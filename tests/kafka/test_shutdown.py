"""SIGTERM and SIGINT under load: gone soon, and the next start goes on where this one stopped."""

import os
import signal
import time

from streams.local_kafka import LocalKafka
from streams.runtime.transaction import TRANSACTION_SECONDS
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

# What Kubernetes would grant is 30 s; a worker that needs more than a third of that will miss it on a bad day.
SECONDS_TO_GO = 10


def test_stopped_under_load(deploy):
    deployment = deploy()
    deployment.publish(generate(10, 100_000))
    took = []
    for number in (signal.SIGTERM, signal.SIGINT):
        applied = deployment.applied()
        worker = deployment.fleet.start()
        deployment.fleet.wait_for(lambda: deployment.applied() > applied, 30, "progress", tend=False)
        started = time.monotonic()
        worker.signal(number)
        assert worker.wait(SECONDS_TO_GO) == 0
        took.append(round(time.monotonic() - started, 2))
        assert not deployment.everything_applied(), "stopped too late: there was nothing left to apply"
        deployment.fleet.tend()
    # It has left the group: the next one owns its partitions at once rather than when a session expires.
    last = deployment.fleet.start()
    seconds = deployment.fleet.wait_for(lambda: "owns partitions [0, 1, 2, 3]" in last.text, 8, "takeover")
    deployment.wait_until_applied()
    assert deployment.fleet.exit_codes == [0, 0]

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    print(f"measured: {totals} {compared} gone after {took} s, next start owns after {seconds:.1f} s")


def test_a_broker_that_falls_silent_under_load_holds_nobody_back(deploy, tmp_path):
    with LocalKafka(tmp_path / "kafka") as broker:
        told, left_alone = (deploy(bootstrap=broker.bootstrap) for _ in range(2))
        for number, deployment in enumerate((told, left_alone)):
            deployment.publish(generate(27 + number, 40_000))
        workers = [deployment.fleet.start() for deployment in (told, left_alone)]
        for deployment in (told, left_alone):
            deployment.fleet.wait_for(lambda d=deployment: d.applied() > 0, 30, "progress", tend=False)
        os.kill(broker.pid, signal.SIGSTOP)
        started = time.monotonic()
        try:
            workers[0].signal(signal.SIGTERM)
            # Thirty seconds are what Kubernetes grants.
            assert workers[0].wait(25) == 0
            gone = [round(time.monotonic() - started, 1)]
            assert "Traceback" not in workers[0].text
            # The transaction under way is given up, and a supervisor may try anew.
            assert workers[1].wait(TRANSACTION_SECONDS + 25 - gone[0]) == 1
            gone.append(round(time.monotonic() - started, 1))
            assert workers[1].text.count("Crashed reason=OwnershipLost(") == 1
            assert "never retrieved" not in workers[1].text
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        told.fleet.tend()
        told.fleet.start()
        for deployment in (told, left_alone):
            assert not deployment.everything_applied(), "silent too late: there was nothing left to apply"
        for deployment in (told, left_alone):
            deployment.wait_until_applied()
            reader = deployment.outputs()
            totals = check_outputs(deployment, reader)
            compared = check_replay(deployment, reader, shipped_rules())
            print(f"measured: {totals} {compared}")
        print(f"measured: gone after {gone} s")
