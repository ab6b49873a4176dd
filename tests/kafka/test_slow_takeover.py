"""A worker stays in its group during a takeover that takes longer than its session, and says how far it is."""

import re
import urllib.error
import urllib.request

from streams.running.takeover.membership import LONGEST_SESSION_SECONDS
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import changed_worker

# Reading the first partition keeps the event loop busy for longer than the session, and then waits for some
# seconds.
SLOW_RESTORE = f"""
import asyncio
import time
from streams.running.partitions.partition_owner import PartitionOwner

_restore, _restored = PartitionOwner.restore, []

async def _slow(self, *arguments):
    records = await _restore(self, *arguments)
    _restored.append(self.place)
    if len(_restored) == 1:
        until = time.monotonic() + {LONGEST_SESSION_SECONDS + 2}
        while time.monotonic() < until:
            pass
        await asyncio.sleep(3)
    return records

PartitionOwner.restore = _slow
"""


def readiness(worker):
    (address,) = re.findall(r"address=(http://\S+)", worker.text) or [None]
    if address is None:
        return ""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=20) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def test_a_takeover_longer_than_the_session_keeps_the_membership(deploy):
    deployment = deploy()
    fleet = deployment.fleet
    deployment.publish(generate(81, 2_000))
    stays = fleet.start()
    deployment.wait_until_applied()
    slow = fleet.start(changed_worker(SLOW_RESTORE))
    seen = set()

    def has_taken_over():
        seen.add(readiness(slow))
        return "owns partitions [" in slow.text

    took = fleet.wait_for(has_taken_over, 60, "the slow takeover")
    assert took > LONGEST_SESSION_SECONDS
    assert any(
        re.fullmatch(r"503 not ready: taking over: \d of \d partitions, .*\s", text) for text in seen
    ), seen
    assert re.search(r"taking over partitions .*done=\d of=\d", slow.text), slow.tail()
    deployment.publish(generate(82, 2_000))
    deployment.wait_until_applied()
    # One rebalance when the slow one joined, and none since.
    assert stays.text.count("owns partitions [") == 2, stays.tail()
    assert slow.text.count("owns partitions [") == 1, slow.tail()
    assert "put out of the group" not in slow.text
    check_outputs(deployment, deployment.outputs())
