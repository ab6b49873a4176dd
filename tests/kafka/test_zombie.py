"""A worker that was paused beyond its session wakes up: what it holds is worthless, and it must know."""

import signal
import time

import pytest

from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

# Minutes on an idle machine are many on one that runs other tests beside.
pytestmark = pytest.mark.timeout(600)

# The session is 10 s; the group notices within a second after.
PAUSE_SECONDS = 12


def pause_under_load(deployment):
    """SIGSTOP the first worker while it has a backlog."""
    worker = deployment.fleet.start()
    deployment.fleet.wait_for(lambda: deployment.applied() > 0, 30, "first progress")
    worker.signal(signal.SIGSTOP)
    assert not deployment.everything_applied(), "paused too late: there was nothing left to apply"
    return worker


def _rows_since(before, after):
    """New rows by topic, partition and key: a summary, as pytest would take minutes to compare all rows in words."""
    return {
        (topic, partition): [(row.offset, row.timestamp, row.key) for row in rows if row not in known]
        for topic, partitions in after.rows.items()
        for partition, rows in partitions.items()
        if rows != (known := before.rows[topic][partition])
    }


def test_a_zombie_writes_nothing_and_exits(deploy):
    followed, alone = deploy(), deploy()
    followed.publish(generate(3, 60_000))
    alone.publish(generate(4, 60_000))

    zombie = pause_under_load(followed)
    lonely = pause_under_load(alone)
    paused_at = time.monotonic()
    # The zombie is not restarted: it has to be seen as it is.
    followed.fleet.running.remove(zombie)
    successor = followed.fleet.start()
    followed.wait_until_applied()
    time.sleep(max(0.0, paused_at + PAUSE_SECONDS - time.monotonic()))
    before = followed.outputs()
    zombie.signal(signal.SIGCONT)
    lonely.signal(signal.SIGCONT)

    assert zombie.wait(30) == 1
    assert "OwnershipLost" in zombie.text
    after = followed.outputs()
    assert _rows_since(before, after) == {}, "the zombie wrote something"
    assert successor.exit_code is None
    totals = check_outputs(followed, after)
    compared = check_replay(followed, after, shipped_rules())
    print(f"measured: {totals} {compared}")

    # Nobody took over from the other one; whether it goes on or starts anew, nothing may be lost or repeated.
    alone.wait_until_applied()
    assert set(alone.fleet.exit_codes) <= {1}
    reader = alone.outputs()
    check_outputs(alone, reader)
    check_replay(alone, reader, shipped_rules())
