"""Three brokers: in the middle of a takeover the broker goes away that knows the transaction of who is taken
over from.
"""

import signal
from collections.abc import Iterator

import pytest

from tests.kafka.harness.admin import Operator
from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.deployment import STATE
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.steps import Call, Sent, commit, is_stopped, struck_worker, takeover
from tests.kafka.test_claims import open_claims

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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


# A broker that stops moves its leaders first, one that is killed leaves them. Each case takes some twenty
# seconds.
@pytest.mark.parametrize(
    ("step", "go_away"),
    [
        ("between claim and fence", KafkaCluster.stop),
        pytest.param("during the fence", KafkaCluster.kill, marks=pytest.mark.nightly),
        pytest.param("between fence and read", KafkaCluster.stop, marks=pytest.mark.nightly),
        ("during the read", KafkaCluster.kill),
    ],
)
def test_a_takeover_survives_a_change_of_leaders(deploy, cluster, step, go_away):
    deployment = deploy(bootstrap=cluster.bootstrap, settings=cluster.settings)
    fleet = deployment.fleet
    deployment.publish(generate(61, 4_000))
    zombie = fleet.start(struck_worker(commit("before", 3), signal.SIGSTOP, LONG_TRANSACTIONS))
    fleet.running.remove(zombie)
    away = None
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
        away = coordinator
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
        if away is not None:
            cluster.start(away)
            cluster.wait_until_in_sync()
