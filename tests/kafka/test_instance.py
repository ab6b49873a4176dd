"""A worker that restarts under its instance name ends at once what it left open when it was killed."""

import signal
import time

from streams.runtime.membership import SESSION_SECONDS
from tests.kafka.harness.admin import Operator
from tests.kafka.harness.deployment import ENRICHED, STATE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import struck_worker


def test_a_transaction_of_a_killed_worker_ends_when_its_successor_starts(deploy):
    deployment = deploy(settings={"TOCSIN_INSTANCE": "pod-0"})
    operator = Operator(deployment.bootstrap)
    deployment.publish(generate(71, 5_000))
    killed = deployment.fleet.start(
        struck_worker("aiokafka", "AIOKafkaProducer", "commit_transaction", "before", 4, signal.SIGKILL)
    )
    deployment.fleet.running.remove(killed)
    assert killed.wait(40) == -signal.SIGKILL
    killed_at = time.monotonic()

    def held_up():
        return any(operator.is_held_up(deployment.name(topic), 4) for topic in (STATE, ENRICHED))

    assert held_up()
    successor = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: not held_up(), 30, "subscribers go on")
    waited = time.monotonic() - killed_at
    print(f"measured: subscribers waited {waited:.1f} s, with the start of the process")
    # The group still waits for the end of the session.
    assert waited < SESSION_SECONDS
    assert "owns partitions [" not in successor.text
    assert "ended the transactions that a former process of this instance left open" in successor.text
    assert f"{deployment.prefix}tocsin-pod-0-" in successor.text
    deployment.wait_until_applied()
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
