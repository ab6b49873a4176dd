"""A worker paused for longer than its session wakes up without its partitions, and must write nothing."""

import signal
import time

import pytest

from streams.running.takeover.membership import LONGEST_SESSION_SECONDS
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.steps import commit, is_stopped, struck_worker
from tests.kafka.harness.workers import HAVE_SMALL_CYCLES, SMALL_CYCLES

# The group notices within a second after the session.
PAUSE_SECONDS = LONGEST_SESSION_SECONDS + 2


# A commit of the third cycle: two were committed, and most of the backlog is left.
STEP = commit("before", 5)


def pause_under_load(deployment):
    """SIGSTOP the first worker in a transaction, with a backlog."""
    worker = deployment.fleet.start(struck_worker(STEP, signal.SIGSTOP, HAVE_SMALL_CYCLES))
    deployment.fleet.wait_for(lambda: is_stopped(worker), 30, "it is in its third cycle")
    assert deployment.applied() > 0
    assert not deployment.everything_applied()
    return worker


@pytest.mark.nightly
def test_a_zombie_writes_nothing_and_exits(deploy):
    followed, alone = deploy(), deploy()
    followed.publish(generate(3, 3_000))
    alone.publish(generate(4, 3_000))
    followed.fleet.command = alone.fleet.command = SMALL_CYCLES

    zombie = pause_under_load(followed)
    lonely = pause_under_load(alone)
    paused_at = time.monotonic()
    # Taken out of the fleet, which would otherwise restart the zombie when it ends.
    followed.fleet.running.remove(zombie)
    successor = followed.fleet.start()
    followed.wait_until_applied()
    time.sleep(max(0.0, paused_at + PAUSE_SECONDS - time.monotonic()))
    before = followed.outputs()
    zombie.signal(signal.SIGCONT)
    lonely.signal(signal.SIGCONT)

    assert zombie.wait(30) == 1
    assert "OwnershipLost" in zombie.text, zombie.text
    after = followed.outputs()
    assert successor.exit_code is None
    # Anything it wrote would appear twice, or make the state differ from the replay.
    check_outputs(followed, after)
    check_replay(followed, after, shipped_rules())
    # The successor may have applied a tick in the meantime, but ticks write to neither of these topics.
    for topic in map(followed.name, (ENRICHED, DEAD_LETTERS)):
        assert after.count(topic) == before.count(topic), f"the zombie wrote to {topic}"

    # No worker took over from the other one. Whether it continues or restarts, nothing may be lost or
    # repeated.
    alone.wait_until_applied()
    assert set(alone.fleet.exit_codes) <= {1}
    reader = alone.outputs()
    check_outputs(alone, reader)
    check_replay(alone, reader, shipped_rules())
