"""The broker goes away under load, in good order and by force, and comes back."""

import threading

import pytest

from streams.local_kafka import LocalKafka
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

REPORTS = 60_000


@pytest.fixture
def broker(tmp_path):
    """A broker of this test's own: the others need theirs."""
    with LocalKafka(tmp_path / "kafka") as broker:
        yield broker


def test_broker_restarts_under_load(broker, deploy):
    deployment = deploy(bootstrap=broker.bootstrap)
    reports = generate(5, REPORTS)
    publisher = deployment.publisher()
    deployment.published += reports

    def publish_all_the_time():
        for start in range(0, REPORTS, 200):
            publisher.send(reports[start : start + 200])
            if done.wait(0.02):
                break
        publisher.flush()

    done = threading.Event()
    publishing = threading.Thread(target=publish_all_the_time)
    worker = deployment.fleet.start()
    publishing.start()
    try:
        for go_away in (broker.stop, broker.kill):
            applied = deployment.applied()
            deployment.fleet.wait_for(lambda: deployment.applied() > applied, 60, "progress")
            go_away()
            broker.start()
    finally:
        if not publishing.is_alive():
            done.set()
        publishing.join(120)
    assert publisher.confirmed == REPORTS
    deployment.wait_until_applied()
    # A restart that takes less than a transaction may live must not even cost the worker.
    print(
        f"measured: exit codes {deployment.fleet.exit_codes}, worker still there: {worker.exit_code is None}"
    )
    assert set(deployment.fleet.exit_codes) <= {1}

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    print(f"measured: {totals} {compared}")
