"""SIGTERM and SIGINT under load: gone soon, and the next start goes on where this one stopped."""

import os
import signal
import time

import pytest

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


@pytest.mark.parametrize("told_to_stop", [True, False])
def test_a_broker_that_falls_silent_under_load_holds_nobody_back(deploy, tmp_path, told_to_stop):
    with LocalKafka(tmp_path / "kafka") as broker:
        deployment = deploy(bootstrap=broker.bootstrap)
        deployment.publish(generate(27, 40_000))
        worker = deployment.fleet.start()
        deployment.fleet.wait_for(lambda: deployment.applied() > 0, 30, "progress", tend=False)
        os.kill(broker.pid, signal.SIGSTOP)
        started = time.monotonic()
        try:
            if told_to_stop:
                worker.signal(signal.SIGTERM)
                # Thirty seconds are what Kubernetes grants.
                assert worker.wait(25) == 0
                assert "Traceback" not in worker.text
            else:
                # The transaction under way is given up, and a supervisor may try anew.
                assert worker.wait(TRANSACTION_SECONDS + 25) == 1
                assert worker.text.count("OwnershipLost('transaction did not commit: TimeoutError") == 1
                assert "never retrieved" not in worker.text
            gone = round(time.monotonic() - started, 2)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert not deployment.everything_applied(), "silent too late: there was nothing left to apply"
        deployment.fleet.tend()
        if told_to_stop:
            deployment.fleet.start()
        deployment.wait_until_applied()
        reader = deployment.outputs()
        totals = check_outputs(deployment, reader)
        compared = check_replay(deployment, reader, shipped_rules())
        print(f"measured: {totals} {compared} gone after {gone} s")
