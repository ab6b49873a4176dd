"""A worker dies or is suspended while it writes: its heir loses and repeats nothing.

One step for each phase that writes, with a request on its way where that can be: tests/model strikes at every
step, on brokers in memory.
"""

import signal

import pytest

from streams.running.takeover.membership import LONGEST_SESSION_SECONDS
from tests.at_night import at_night
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.steps import Sent, Since, commit, is_stopped, struck_worker, takeover
from tests.kafka.harness.workers import changed_worker

STEPS = {
    "claim": Sent("EndTxnRequest", 1),
    "cycle": Since(takeover("after", "ClaimsView", "note_fenced"), Sent("ProduceRequest", 1)),
    # The first release, of nothing, is before the worker joins the group.
    "release": Since(takeover("before", "Claims", "release", 2), commit("before", 1)),
}

# Heartbeats go on while a release takes longer than the session.
SLOW_RELEASE = f"""
import asyncio
from streams.running.takeover.takeover import Claims

_release = Claims.release

async def _slow(self):
    await asyncio.sleep({LONGEST_SESSION_SECONDS + 1})
    await _release(self)

Claims.release = _slow
"""


@pytest.mark.parametrize("number", [*at_night([signal.SIGSTOP]), signal.SIGKILL])
def test_an_heir_continues_after_every_phase(deploy, number):
    """One after the other is struck in the next phase, as the heir of the one before."""
    deployment = deploy()
    fleet = deployment.fleet
    # All are made now, because they must lie within one window.
    reports = iter([generate(51 + piece, 1_000) for piece in range(len(STEPS) + 1)])
    deployment.publish(next(reports))
    # The claim of the first is there to be fenced.
    first = fleet.start()
    fleet.wait_for(lambda: deployment.applied() > 0, 30, "first progress")
    fleet.running.remove(first)
    first.signal(signal.SIGKILL)
    first.wait(10)
    evict_everybody(deployment.bootstrap, deployment.group)

    struck = {}
    try:
        for phase in STEPS:
            deployment.publish(next(reports))
            struck[phase] = strike(deployment, phase, number)
            evict_everybody(deployment.bootstrap, deployment.group)
        heir = fleet.start()
        fleet.wait_for(lambda: "owns partitions [" in heir.text, 60, "the heir's takeover")
        deployment.wait_until_applied()
        if number == signal.SIGSTOP:
            before = deployment.applied()
            for worker in struck.values():
                worker.signal(signal.SIGCONT)
                assert worker.wait(30) == 1, worker.tail()
            assert deployment.applied() == before
        assert heir.exit_code is None
    finally:
        for worker in struck.values():
            worker.end()

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    print(f"measured: {totals} {compared}")


def strike(deployment, phase, number):
    """A worker that was stopped in a phase. It is no longer in the fleet."""
    fleet = deployment.fleet
    struck = fleet.start(struck_worker(STEPS[phase], number))
    fleet.running.remove(struck)
    if phase == "release":
        fleet.wait_for(lambda: "owns partitions [" in struck.text, 60, "its takeover")
        evict_everybody(deployment.bootstrap, deployment.group)
    fleet.wait_for(lambda: is_stopped(struck), 60, f"a worker reaches the step {phase}")
    return struck


@pytest.mark.nightly
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
