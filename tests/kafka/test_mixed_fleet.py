"""Workers of versions before the claims log and of this one are never in one group, whichever comes second."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import InconsistentGroupProtocolError

from tests.kafka.harness.deployment import SOURCE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate


class FormerAssignor(RoundRobinPartitionAssignor):
    """The name that versions before the claims log gave to the group's protocol."""

    name = "faust"


@asynccontextmanager
async def former_member(deployment):
    """A member of the workers' group that knows the former protocol only."""
    consumer = AIOKafkaConsumer(
        deployment.name(SOURCE),
        bootstrap_servers=deployment.bootstrap,
        group_id=deployment.group,
        enable_auto_commit=False,
        partition_assignment_strategy=[FormerAssignor],
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def test_a_worker_refuses_to_start_beside_workers_of_a_former_version(deploy):
    deployment = deploy()

    async def start_beside():
        async with former_member(deployment) as member:
            worker = deployment.fleet.start()
            code = await asyncio.to_thread(worker.wait, 30)
            return worker, code, member.assignment()

    worker, code, assigned = asyncio.run(start_beside())
    assert code == 1, worker.tail()
    assert f"the consumer group {deployment.group} has members of another version" in worker.text
    assert "Stop all of them" in worker.text
    assert "Traceback" not in worker.text, worker.text
    assert len(assigned) == 4, "the former version keeps its partitions"
    # Nothing else is to be done once they are stopped.
    deployment.publish(generate(61, 500))
    deployment.wait_until_applied()
    check_outputs(deployment, deployment.outputs())


def test_a_worker_of_a_former_version_is_not_let_into_the_group(deploy):
    deployment = deploy()
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: "owns partitions [" in worker.text, 30, "the takeover")

    async def join():
        async with former_member(deployment):
            pass

    with pytest.raises(InconsistentGroupProtocolError):
        asyncio.run(join())
    deployment.publish(generate(62, 500))
    deployment.wait_until_applied()
    assert worker.exit_code is None
    assert worker.text.count("owns partitions [") == 1
    check_outputs(deployment, deployment.outputs())
