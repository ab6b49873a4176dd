"""What the claims log promises: who is gone is fenced, what nobody changed is kept."""

import asyncio
import re
import signal

import pytest
from aiokafka.errors import KafkaError

from streams.running.log.claims import StatePartition, claimant_of
from streams.running.log.transaction import FENCED
from tests.kafka.harness.deployment import CLAIMS, STAGES, STATE
from tests.kafka.harness.group import delete_group, evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.steps import commit, struck_worker
from tests.kafka.harness.workers import changed_worker
from tests.kafka.harness.zombie import former_version

# Without the question to the group the higher generation always wins.
NEVER_CURRENT = """
from streams.running.patches.positioned_consumer import PositionedConsumer

async def _never(self, generation):
    return False

PositionedConsumer.is_current = _never
"""


def open_claims(deployment):
    """The transactional ids with unreleased claims."""
    last = {row.key: row.value for row in deployment.outputs().all(deployment.name(CLAIMS))}
    claims = [key for key, value in last.items() if value is not None and not key.startswith(b"left-open/")]
    return {claimant_of(key) for key in claims} - {""}


def partitions_read(worker):
    """How many partitions the worker has read, in each of its takeovers."""
    return [int(number) for number in re.findall(r"owns partitions .*? read=(\d+)", worker.text)]


def test_a_suspended_worker_is_fenced_by_its_claim(deploy):
    deployment = deploy()
    deployment.publish(generate(41, 2_000))
    suspended = deployment.fleet.start()
    deployment.wait_until_applied()
    (its_id,) = open_claims(deployment)
    suspended.signal(signal.SIGSTOP)
    deployment.fleet.running.remove(suspended)
    try:
        evict_everybody(deployment.bootstrap, deployment.group)
        deployment.publish(generate(42, 2_000))
        heir = deployment.fleet.start()
        deployment.wait_until_applied()
        assert its_id in heir.text
        # The heir has released for it what it will never release itself.
        assert its_id not in open_claims(deployment)
        suspended.signal(signal.SIGCONT)
        assert suspended.wait(30) == 1
        assert "another worker took over this state" in suspended.text, suspended.tail()
    finally:
        suspended.end()
    heir.terminate()
    assert open_claims(deployment) == set()
    check_outputs(deployment, deployment.outputs())


@pytest.mark.nightly
def test_a_worker_starts_after_the_group_was_deleted(deploy):
    """Generations begin at 1 again, below the unreleased claims of a worker that was killed in a transaction."""
    deployment = deploy()
    fleet = deployment.fleet
    deployment.publish(generate(46, 2_000))
    # Each rebalance is another generation.
    before = fleet.start()
    for takeovers in (1, 2, 3):
        fleet.wait_for(
            lambda: before.text.count("owns partitions [") >= takeovers,  # noqa: B023 - is awaited here
            30,
            "the next generation",
        )
        evict_everybody(deployment.bootstrap, deployment.group)
    before.terminate()
    fleet.running.remove(before)
    deployment.publish(generate(48, 2_000))
    # Its first transaction is the claim, and nobody is to be noted as fenced.
    killed = fleet.start(struck_worker(commit("before", 2), signal.SIGKILL))
    fleet.running.remove(killed)
    assert killed.wait(40) == -signal.SIGKILL
    (its_id,) = open_claims(deployment)
    evict_everybody(deployment.bootstrap, deployment.group)
    delete_group(deployment.bootstrap, deployment.group)

    gives_way = fleet.start(changed_worker(NEVER_CURRENT))
    fleet.running.remove(gives_way)
    assert gives_way.wait(30) == 1
    assert "put out of the group" in gives_way.text, gives_way.tail()
    evict_everybody(deployment.bootstrap, deployment.group)
    delete_group(deployment.bootstrap, deployment.group)

    worker = fleet.start()
    fleet.wait_for(lambda: "owns partitions [" in worker.text, 30, "the takeover")
    assert re.search(r"owns partitions .*? generation=1 ", worker.text), worker.tail()
    assert its_id in worker.text
    deployment.publish(generate(47, 2_000))
    deployment.wait_until_applied()
    assert its_id not in open_claims(deployment)
    worker.terminate()
    fleet.tend()
    assert fleet.exit_codes == [0]
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


def test_state_that_nobody_changed_is_not_read_again_after_a_rebalance(deploy):
    deployment = deploy()
    deployment.publish(generate(43, 2_000))
    fleet = deployment.fleet
    stays = fleet.start()
    deployment.wait_until_applied()
    everything = len(STAGES) * deployment.partitions
    assert partitions_read(stays) == [everything]
    visitor = fleet.start()
    fleet.wait_for(lambda: "owns partitions [" in visitor.text, 40, "the visitor owns something")
    assert not any(partitions_read(stays)[1:]), stays.tail()
    (visitors,) = partitions_read(visitor)
    assert 0 < visitors < everything
    visitor.terminate()
    fleet.running.remove(visitor)
    fleet.wait_for(lambda: stays.text.count("owns partitions [") == 3, 40, "it has all partitions again")
    # Only what the visitor had in between.
    assert partitions_read(stays) == [everything, 0, visitors]
    deployment.publish(generate(44, 2_000))
    deployment.wait_until_applied()
    check_outputs(deployment, deployment.outputs())


def test_a_suspended_worker_of_a_version_without_claims_is_fenced_at_the_upgrade(deploy):
    deployment = deploy()

    async def upgrade():
        place = StatePartition("reports", 2)
        async with former_version(deployment.bootstrap, deployment.prefix, place) as producer:
            await producer.send_and_wait(deployment.name(STATE), b"old", b"Kchannel\0spam", partition=2)
            worker = deployment.fleet.start()
            await asyncio.to_thread(
                deployment.fleet.wait_for,
                lambda: "owns partitions [0, 1, 2, 3]" in worker.text,
                30,
                "the takeover",
            )
            try:
                await producer.commit_transaction()
            except KafkaError as error:
                return worker, error
        return worker, None

    worker, error = asyncio.run(upgrade())
    assert isinstance(error, FENCED), error
    assert all(row.value != b"old" for row in deployment.outputs().all(deployment.name(STATE)))
    # Once for each partition: the next takeover has nobody to fence.
    worker.terminate()
    deployment.fleet.running.remove(worker)
    again = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: "owns partitions [" in again.text, 30, "the second takeover")
    assert "fenced" not in again.text
    deployment.publish(generate(45, 2_000))
    deployment.wait_until_applied()
    check_outputs(deployment, deployment.outputs())
