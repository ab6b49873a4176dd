"""A worker dies or is suspended at each step of the claim protocol: its heir loses and repeats nothing."""

import signal

import pytest

from streams.runtime.membership import SESSION_SECONDS
from tests.kafka.harness.group import evict_everybody
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.steps import Call, Sent, Since, commit, is_stopped, struck_worker, takeover
from tests.kafka.harness.workers import changed_worker
from tests.model.world import Protocol

# The first release, of nothing, is before the worker joins the group.
RELEASE = takeover("before", "Claims", "release", 2)
ESTABLISHED = takeover("after", "Look", "note_fenced")

# The names before the colon are those of the model. A step without more words is over. The first InitProducerId is for the
# worker's own id, the second is a fence. The first commit is that of the claim, the second that of establish.
STEPS = {
    "claim: begun": Sent("AddPartitionsToTxnRequest", 1),
    "claim: written": commit("before", 1),
    "claim: commit sent": Sent("EndTxnRequest", 1),
    "claim": takeover("after", "Claims", "claim"),
    "look": takeover("before", "Look", "_fence_claimants"),
    "fence: sent": Sent("InitProducerIdRequest", 2),
    "fence": takeover("after", "Look", "look"),
    "read: some partitions": Call("after", "streams.runtime.partition_owner", "PartitionOwner", "restore", 3),
    "read": takeover("before", "Look", "note_fenced"),
    "establish: written": commit("before", 2),
    "establish": ESTABLISHED,
    "cycle: begun": Since(ESTABLISHED, Sent("AddPartitionsToTxnRequest", 1)),
    "cycle: sent": Since(ESTABLISHED, Sent("ProduceRequest", 1)),
    "cycle: written": Since(ESTABLISHED, commit("before", 1)),
    "cycle: commit sent": Since(ESTABLISHED, Sent("EndTxnRequest", 1)),
    "cycle": Since(ESTABLISHED, commit("after", 1)),
    "release: begun": RELEASE,
    "release: written": Since(RELEASE, commit("before", 1)),
    "release: commit sent": Since(RELEASE, Sent("EndTxnRequest", 1)),
    "release": takeover("after", "Claims", "release", 2),
}
# Nobody sees that the first claims anything, and the others have released everything: they are not fenced, and may join the
# group again.
MAY_GO_ON = ("claim: begun", "release: commit sent", "release")

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


def test_every_step_of_the_model_is_among_them():
    # Giving way is in test_claims.py, and looking again in the last test here.
    protocol = {*Protocol().takeover, "cycle", "release"}
    assert {step.split(":")[0] for step in STEPS} == protocol


PHASES = tuple(dict.fromkeys(step.split(":")[0] for step in STEPS))
# In these a worker has written something, or is about to. Killed in another one it leaves only its claim, as in the first.
WRITING = ("claim", "cycle", "release")


@pytest.mark.parametrize(
    ("phase", "number"),
    [(phase, signal.SIGSTOP) for phase in PHASES] + [(phase, signal.SIGKILL) for phase in WRITING],
)
def test_an_heir_continues_after_every_step(deploy, phase, number):
    """One after the other is struck at the next step of a phase, as the heir of the one before."""
    deployment = deploy()
    fleet = deployment.fleet
    steps = [step for step in STEPS if step.split(":")[0] == phase]
    # All are made now, because they must lie within one window.
    reports = iter([generate(51 + piece, 2_000) for piece in range(len(steps) + 3)])
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
        for step in steps:
            deployment.publish(next(reports))
            struck[step] = strike(deployment, step, number)
            evict_everybody(deployment.bootstrap, deployment.group)
        heir = fleet.start()
        fleet.wait_for(lambda: "owns partitions [" in heir.text, 60, "the heir's takeover")
        deployment.wait_until_applied()
        if number == signal.SIGSTOP:
            before = deployment.applied()
            for step in (each for each in steps if each not in MAY_GO_ON):
                struck[step].signal(signal.SIGCONT)
                # With a release that fails at the end it has nothing more to do.
                assert struck[step].wait(30) == (0 if step == "release: begun" else 1), struck[step].tail()
            assert deployment.applied() == before
            assert heir.exit_code is None
            for step in (each for each in steps if each in MAY_GO_ON):
                struck[step].signal(signal.SIGCONT)
                deployment.publish(next(reports))
                deployment.wait_until_applied()
                # It is a member again, or has noticed the heir's claim and given way.
                assert struck[step].exit_code in (None, 1), struck[step].tail()
        assert heir.exit_code is None
    finally:
        for worker in struck.values():
            worker.end()

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    print(f"measured: {totals} {compared}")


def strike(deployment, step, number):
    """A worker that was stopped at a step. It is no longer in the fleet."""
    fleet = deployment.fleet
    struck = fleet.start(struck_worker(STEPS[step], number))
    fleet.running.remove(struck)
    if step.startswith("release"):
        fleet.wait_for(lambda: "owns partitions [" in struck.text, 60, "its takeover")
        if step == "release: begun":
            struck.signal(signal.SIGTERM)
        else:
            evict_everybody(deployment.bootstrap, deployment.group)
    fleet.wait_for(lambda: is_stopped(struck), 60, f"a worker reaches the step {step}")
    return struck


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


def test_a_suspended_heir_wakes_after_its_own_heir_died(deploy):
    """Of three claimants in turn the first reads what the second left open, while a third takes over."""
    deployment = deploy()
    deployment.publish(generate(55, 20_000))
    suspended = deployment.fleet.start(struck_worker(STEPS["fence"], signal.SIGSTOP))
    deployment.fleet.running.remove(suspended)
    try:
        deployment.fleet.wait_for(lambda: is_stopped(suspended), 40, "the first is about to read")
        evict_everybody(deployment.bootstrap, deployment.group)
        killed = deployment.fleet.start(struck_worker(STEPS["cycle: written"], signal.SIGKILL))
        deployment.fleet.running.remove(killed)
        assert killed.wait(40) == -signal.SIGKILL
        suspended.signal(signal.SIGCONT)
        evict_everybody(deployment.bootstrap, deployment.group)
        deployment.fleet.start()
        deployment.wait_until_applied()
        assert suspended.wait(30) == 1, suspended.tail()
    finally:
        suspended.end()
    assert "owns partitions [" not in suspended.text
    assert deployment.fleet.exit_codes == []
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
