"""`tocsin state` for authorities' requests, with a real broker and worker."""

import asyncio
import json
import signal

import orjson
import pytest
from aiokafka.errors import KafkaError

from streams.contract.wire.partitioner import home_partition
from streams.running.log.claims import StatePartition
from streams.running.log.transaction import FENCED
from tests.kafka.harness.deployment import ENRICHED, REQUESTS_STATE, ROUTING, STATE
from tests.kafka.harness.reports import Published, now_ms, report
from tests.kafka.harness.zombie import claimant
from tests.unit.request_traffic import removal_order

KEY = b"q-1"


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


async def reset_while_owners_are_paused(deployment, tocsin, arguments):
    """Reset the state while owners of both stages are in a transaction; then let them commit.

    Returns the result of the reset, and the error of each commit that failed, by stage.
    """
    errors = {}
    async with (
        claimant(deployment.bootstrap, deployment.prefix, StatePartition("reports", 0)) as reports,
        claimant(deployment.bootstrap, deployment.prefix, StatePartition("requests", 0)) as requests,
    ):
        for producer, state in ((reports, STATE), (requests, REQUESTS_STATE)):
            # Deletes a key that does not exist: harmless if the producer is not fenced.
            await producer.send_and_wait(deployment.name(state), None, b"Lnobody\0clock", partition=0)
        reset = await asyncio.to_thread(tocsin, "state", "reset", "--yes", *arguments)
        for producer, stage in ((reports, "reports"), (requests, "requests")):
            try:
                await producer.commit_transaction()
            except KafkaError as error:
                errors[stage] = error
    return reset, errors


def routed(deployment):
    return [orjson.loads(row.value) for row in deployment.outputs().all(deployment.name(ROUTING))]


def stop(deployment):
    for worker in deployment.fleet.running:
        worker.signal(signal.SIGTERM)
        assert worker.wait(15) == 0
    deployment.fleet.running.clear()


def test_the_state_of_requests_is_shown_checked_and_reset(deployment, tocsin):
    received = now_ms() - 60_000
    deployment.publish_requests([Published(KEY, orjson.dumps(removal_order(KEY.decode(), received)))])
    deployment.publish([Published(b"c", orjson.dumps(report("r-1", now_ms())))])
    deployment.fleet.start()
    deployment.wait_until_applied(30)
    (event,) = routed(deployment)

    shown = tocsin("state", "show", "--request", "q-1", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.output)
    home = home_partition(KEY, 2)
    assert found["partition"] == home
    assert {clock["clock_id"] for clock in found["clocks"]} == {
        clock["clock_id"] for clock in event["clocks"]
    }
    assert {clock["routing_id"] for clock in found["clocks"]} == {event["routing_id"]}
    assert event["routing_id"] in tocsin("state", "show", "--request", "q-1").output
    assert tocsin("state", "show", "--request", "q-2").exit_code == 1
    checked = tocsin("state", "check").output
    assert checked.endswith("the state is sound\n")
    assert checked.count("requests ") == checked.count("reports ") == 2
    stop(deployment)

    # Only the state of requests is deleted: the position of the reports stays.
    reset, errors = asyncio.run(reset_while_owners_are_paused(deployment, tocsin, ["--stage", "requests"]))
    assert reset.exit_code == 0, reset.output
    assert set(errors) == {"requests"}
    assert tocsin("state", "show", "--request", "q-1").exit_code == 1
    deployment.fleet.start()
    deployment.fleet.wait_for(lambda: len(routed(deployment)) == 2, 30, "the request again")
    assert routed(deployment) == [event, event]
    assert deployment.outputs().count(deployment.name(ENRICHED)) == 1
    stop(deployment)

    reset, errors = asyncio.run(reset_while_owners_are_paused(deployment, tocsin, []))
    assert reset.exit_code == 0, reset.output
    assert set(errors) == {"reports", "requests"}
    assert all(isinstance(error, FENCED) for error in errors.values())
    assert tocsin("topics", "check").exit_code == 0
    deployment.fleet.start()
    deployment.fleet.wait_for(lambda: len(routed(deployment)) == 3, 30, "the request a third time")
    deployment.fleet.wait_for(
        lambda: deployment.outputs().count(deployment.name(ENRICHED)) == 2, 30, "the report again"
    )
    assert routed(deployment)[-1] == event
