"""Workers of two consumer groups on the same topics: one group owns the state, and nothing is applied twice."""

import subprocess

from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import (
    ROOT,
    SMALL_CYCLES,
    WORKER,
    changed_worker,
    clean_environment,
    patience,
)

OTHER_GROUP = """
from streams.running import identity
identity.consumer_group = lambda prefix: prefix + "other"
"""


def test_a_second_group_fences_the_first_which_says_why_it_stops(deploy):
    deployment = deploy()
    deployment.publish(generate(31, 3_000))
    first = deployment.fleet.start(SMALL_CYCLES)
    deployment.fleet.wait_for(lambda: deployment.applied() > 0, 30, "first progress")
    # Without a supervisor: restarted, it would fence the second group in turn.
    deployment.fleet.running.remove(first)
    second = deployment.fleet.start(changed_worker(OTHER_GROUP))
    try:
        deployment.fleet.wait_for(lambda: "owns partitions" in second.text, 60, "the second group took over")
        # The first notices when it writes. By now it may have applied everything.
        deployment.publish(generate(32, 1_000))
        assert first.wait(60) == 1
    finally:
        first.end()
    assert "another worker took over this state" in first.text, first.tail()
    assert "another group of workers uses the same topics" in first.text
    assert "docs/runbooks/TocsinFencingLoop.md" in first.text
    deployment.wait_until_applied()
    assert second.exit_code is None
    assert deployment.fleet.exit_codes == []

    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())


def test_a_worker_that_names_a_group_of_its_own_is_refused(deploy):
    deployment = deploy()
    done = subprocess.run(
        WORKER,
        cwd=ROOT,
        env=clean_environment({**deployment.settings, "TOCSIN_APP_ID": "other"}),
        capture_output=True,
        text=True,
        timeout=60 * patience(),
        check=False,
    )
    assert done.returncode == 2
    assert "TOCSIN_APP_ID: this setting no longer exists" in done.stderr
    assert "stop every worker" in done.stderr
    assert "Traceback" not in done.stderr
