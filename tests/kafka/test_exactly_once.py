"""Nothing lost and nothing twice while workers are killed and while their number changes."""

import random
import signal
import time

from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate

REPORTS = 200_000
KILLS = 9


def kill_at_a_random_moment(deployment, chance):
    """SIGKILL the only worker: mostly while it applies, sometimes while it starts or takes over."""
    fleet = deployment.fleet
    fleet.tend()
    (worker,) = fleet.running
    if chance.random() < 0.25:
        # A worker needs two to four seconds until its first batch, or ten more when its predecessor just died.
        time.sleep(chance.uniform(0.5, 4))
    else:
        applied = deployment.applied()
        fleet.wait_for(lambda: deployment.applied() > applied, 60, "progress before the kill", tend=False)
        time.sleep(chance.uniform(0, 0.5))
    backlog = len(deployment.published) - deployment.applied()
    worker.signal(signal.SIGKILL)
    worker.wait(10)
    return backlog


def test_killed_again_and_again(deploy, record_property):
    deployment = deploy()
    chance = random.Random(20_261_124)
    reports = generate(1, REPORTS)
    pieces = KILLS + 1
    deployment.fleet.start()
    backlogs = []
    for number in range(KILLS):
        deployment.publish(reports[number * REPORTS // pieces : (number + 1) * REPORTS // pieces])
        backlogs.append(kill_at_a_random_moment(deployment, chance))
    deployment.publish(reports[KILLS * REPORTS // pieces :])
    deployment.wait_until_applied()
    assert deployment.fleet.exit_codes == [-signal.SIGKILL] * KILLS
    # Most kills must have hit a worker that still had work to do, or they prove nothing.
    assert sum(backlog > 0 for backlog in backlogs) >= KILLS // 2, backlogs

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    assert totals.published == REPORTS
    assert compared["enriched-reports"] == totals.enriched
    record_property("measured", f"{totals} {compared} backlogs at the kills {backlogs}")
