"""A worker dies or is suspended at each step of the claim protocol: its heir loses and repeats nothing."""

import signal

import pytest

from streams.runtime.membership import SESSION_SECONDS
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import changed_worker, struck_worker

TAKEOVER = "streams.runtime.takeover"
PRODUCER = "aiokafka"
# The first transaction of a worker is its claim, the second notes who was fenced, and those from the third on are cycles.
STEPS = {
    "claim not committed": (PRODUCER, "AIOKafkaProducer", "commit_transaction", "before", 1),
    "claim": (TAKEOVER, "Claims", "claim", "after", 1),
    "look and fence": (TAKEOVER, "Look", "look", "after", 1),
    "read": (TAKEOVER, "Look", "note_fenced", "before", 1),
    "cycle not committed": (PRODUCER, "AIOKafkaProducer", "commit_transaction", "before", 4),
    "cycle": (PRODUCER, "AIOKafkaProducer", "commit_transaction", "after", 4),
    # The first release, of nothing, is before it joins the group.
    "release": (TAKEOVER, "Claims", "release", "before", 2),
}

# Heartbeats go on while a release takes longer than the session.
SLOW_RELEASE = f"""
import asyncio
from streams.runtime.takeover import Claims

_release = Claims.release

async def _slow(self):
    await asyncio.sleep({SESSION_SECONDS + 1})
    await _release(self)

Claims.release = _slow
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("step", STEPS)
def test_an_heir_continues_after_every_step(deploy, step, number):
    deployment = deploy()
    module, owner, method, when, call = STEPS[step]
    deployment.publish(generate(51, 20_000))
    # Somebody else's claim, so that there is something to fence.
    first = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: deployment.applied() > 0, 30, "first progress")
    deployment.fleet.running.remove(first)
    first.signal(signal.SIGKILL)
    first.wait(10)
    evict_everybody(deployment.bootstrap, deployment.group)

    struck = deployment.fleet.start(struck_worker(module, owner, method, when, call, number))
    deployment.fleet.running.remove(struck)
    try:
        if step == "release":
            deployment.fleet.wait_for(lambda: "owns partitions [" in struck.text, 30, "its takeover")
            struck.signal(signal.SIGTERM)
        deployment.fleet.wait_for(lambda: is_stopped(struck), 40, f"it reaches the step {step}")
        evict_everybody(deployment.bootstrap, deployment.group)
        heir = deployment.fleet.start()
        deployment.fleet.wait_for(lambda: "owns partitions [" in heir.text, 30, "the heir's takeover")
        deployment.wait_until_applied()
        if number == signal.SIGSTOP:
            before = deployment.applied()
            struck.signal(signal.SIGCONT)
            # With a release that fails at the end it has nothing more to do.
            assert struck.wait(30) == (0 if step == "release" else 1), struck.tail()
            assert deployment.applied() == before
        assert heir.exit_code is None
    finally:
        struck.end()

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    print(f"measured: {totals} {compared}")


def is_stopped(worker):
    """Whether it is dead, or suspended."""
    if worker.exit_code is not None:
        return True
    with open(f"/proc/{worker.process.pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def test_a_release_that_takes_seconds_ends_before_the_worker_joins_again(deploy):
    deployment = deploy()
    deployment.publish(generate(52, 2_000))
    stays = deployment.fleet.start(changed_worker(SLOW_RELEASE))
    deployment.wait_until_applied()
    visitor = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: "owns partitions [" in visitor.text, 60, "the visitor's takeover")
    deployment.fleet.wait_for(lambda: stays.text.count("owns partitions [") == 2, 60, "the second takeover")
    # A claim that was not released by then would have been found, and its worker fenced.
    assert "fenced workers" not in visitor.text + stays.text
    deployment.publish(generate(53, 2_000))
    deployment.wait_until_applied()
    assert (stays.exit_code, visitor.exit_code) == (None, None)
    check_outputs(deployment, deployment.outputs())
