"""Rebalances with a backlog in the worker's queue: Faust clears the queue, and processing must not stall."""

import signal
import time

from streams.running.takeover.membership import HEARTBEAT_SECONDS
from tests.kafka.harness.group import is_rebalancing
from tests.kafka.harness.moderation import Moderators
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import HAVE_A_LONG_SESSION, HAVE_SMALL_CYCLES, changed_worker

# Each visit of a second worker causes two rebalances: when it joins and when it leaves.
VISITS = 2
REPORTS = 4_000


def test_rebalances_under_backlog(deploy):
    deployment = deploy()
    fleet = deployment.fleet
    fleet.command = changed_worker(HAVE_SMALL_CYCLES + HAVE_A_LONG_SESSION)
    moderators = Moderators(deployment, 11)
    reports = generate(11, REPORTS)
    pieces = iter(range(0, REPORTS, REPORTS // VISITS))
    stays = fleet.start()
    fleet.wait_for(lambda: "owns partitions [" in stays.text, 30, "first takeover")
    backlogs = []

    def followed(rebalances):
        so_far = stays.text.count("owns partitions [")
        return lambda: stays.text.count("owns partitions [") >= so_far + rebalances

    for _ in range(VISITS):
        left_again = followed(2)
        start = next(pieces)
        visitor = fleet.start()
        fleet.wait_for(lambda: "serving /metrics" in visitor.text, 30, "the visitor is about to join")
        # Pause the first worker until the visitor has joined, for less than its session timeout. It then has
        # a backlog, and its next heartbeat is due as soon as it continues.
        stays.signal(signal.SIGSTOP)
        paused_at = time.monotonic()
        deployment.publish(reports[start : start + REPORTS // VISITS])
        moderators.go_on()
        fleet.wait_for(
            lambda: is_rebalancing(deployment.bootstrap, deployment.group),
            30,
            "the visitor has joined",
            tend=False,
        )
        time.sleep(max(0.0, paused_at + HEARTBEAT_SECONDS - time.monotonic()))
        stays.signal(signal.SIGCONT)
        fleet.wait_for(lambda: "owns partitions [" in visitor.text, 30, "the visitor owns something")
        visitor.signal(signal.SIGTERM)
        backlogs.append(len(deployment.published) - deployment.applied())
        assert visitor.wait(10) == 0
        fleet.tend()
        # The first worker learns of it at its next heartbeat. If the next visitor joined earlier, two
        # rebalances would be one.
        fleet.wait_for(left_again, 10, "it follows the visitor's leaving")
    deployment.wait_until_applied()
    assert stays.exit_code is None
    assert fleet.exit_codes == [0] * VISITS
    assert max(backlogs) > 0, backlogs

    reader = deployment.outputs()
    totals = check_outputs(deployment, reader, moderators=moderators)
    assert min(totals.moderated.credited, totals.moderated.superseded) > 0
    check_replay(deployment, reader, shipped_rules())
