"""SIGTERM and SIGINT under load: the worker ends within seconds, and the next one continues from there."""

import os
import re
import signal
import socket
import time
import urllib.request
from contextlib import suppress

import pytest

from streams.running.log.log import TRANSACTION_SECONDS
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import EXECUTED, SMALL_CYCLES

# Kubernetes grants 30 s by default. A worker that needs more than a third of that here may miss it on a busy
# machine.
SECONDS_TO_GO = 10


@pytest.mark.nightly
def test_a_worker_under_load_stops_in_time(deploy):
    deployment = deploy()
    deployment.publish(generate(10, 8_000))
    for number in (signal.SIGTERM, signal.SIGINT):
        applied = deployment.applied()
        worker = deployment.fleet.start((*EXECUTED, *SMALL_CYCLES))
        deployment.fleet.wait_for(lambda: deployment.applied() > applied, 30, "progress", tend=False)
        worker.signal(number)
        assert worker.wait(SECONDS_TO_GO) == 0
        assert not deployment.everything_applied(), "stopped too late: there was nothing left to apply"
        deployment.fleet.tend()
    # The worker left the group, so the next one owns the partitions at once instead of when the session
    # expires.
    assert evict_everybody(deployment.bootstrap, deployment.group) == 0
    last = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: "owns partitions [0, 1, 2, 3]" in last.text, 20, "takeover")
    deployment.wait_until_applied()
    assert deployment.fleet.exit_codes == [0, 0]

    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


def test_a_worker_with_hundreds_of_half_sent_requests_answers_and_stops_in_time(deploy):
    worker = deploy(partitions=1).fleet.start()
    deadline = time.monotonic() + 60
    while "owns partitions [0]" not in worker.text:
        assert time.monotonic() < deadline, worker.tail()
        time.sleep(0.1)
    port = int(re.search(r"address=http://127\.0\.0\.1:(\d+)", worker.text)[1])
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    for connection in connections:
        # The worker has closed the oldest ones.
        with suppress(ConnectionError):
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
    for path in ("/metrics", "/livez", "/readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            assert answer.status == 200
    worker.signal(signal.SIGTERM)
    assert worker.wait(SECONDS_TO_GO) == 0
    assert "Traceback" not in worker.text
    for connection in connections:
        connection.close()


@pytest.mark.nightly
def test_workers_end_in_time_when_the_broker_falls_silent(deploy, tmp_path):
    with throwaway_broker(tmp_path / "kafka") as broker:
        stopped, left_alone = (deploy(bootstrap=broker.bootstrap) for _ in range(2))
        for number, deployment in enumerate((stopped, left_alone)):
            deployment.publish(generate(27 + number, 5_000))
            deployment.fleet.command = SMALL_CYCLES
        workers = [deployment.fleet.start() for deployment in (stopped, left_alone)]
        for deployment in (stopped, left_alone):
            deployment.fleet.wait_for(lambda d=deployment: d.applied() > 0, 30, "progress", tend=False)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            workers[0].signal(signal.SIGTERM)
            # Kubernetes grants 30 s by default.
            assert workers[0].wait(25) == 0
            assert "Traceback" not in workers[0].text
            # The worker abandons its transaction and ends; a supervisor may start it again.
            assert workers[1].wait(TRANSACTION_SECONDS + 25) == 1
            assert workers[1].text.count("Crashed reason=OwnershipLost(") == 1
            assert "never retrieved" not in workers[1].text
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        stopped.fleet.tend()
        stopped.fleet.start()
        for deployment in (stopped, left_alone):
            assert not deployment.everything_applied(), (
                "the broker was paused too late: there was nothing left to apply"
            )
        for deployment in (stopped, left_alone):
            deployment.wait_until_applied()
            reader = deployment.outputs()
            check_outputs(deployment, reader)
            check_replay(deployment, reader, shipped_rules())
