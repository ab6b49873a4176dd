"""Exactly once while workers are killed (with the stage of reporters) and while their number changes
(without).
"""

import random
import signal
import time

import orjson
import pytest

from tests import bundled
from tests.kafka.harness.deployment import ENRICHED, INTERNAL
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import SMALL_CYCLES

REPORTS = 10_000
KILLS = 9
REQUESTS = 1_000
# Of the reports in the test of workers that join and leave.
PIECE = 1_000
# Steps of clocks come due while workers are killed and for some time afterwards.
STEPS_MS = 25_000


def kill_at_a_random_moment(deployment, chance, *, at_once):
    """SIGKILL the only worker, mostly while it applies records, sometimes while it starts or takes over.

    Returns the backlog at that moment.
    """
    fleet = deployment.fleet
    fleet.tend()
    (worker,) = fleet.running
    if chance.random() < 0.25:
        # Between the start of the process and its first batch.
        time.sleep(chance.uniform(0.5, 3.5))
    else:
        # Waiting for visible progress would be too late: a fast worker is done by then. The reports published
        # for this kill take more than a second; those that a kill leaves undone are still there at the next one.
        fleet.wait_for(lambda: "owns partitions [" in worker.text, 60, "an owner before the kill", tend=False)
        time.sleep(chance.uniform(0, 1))
    backlog = len(deployment.published) - deployment.applied()
    deployment.kill(worker, at_once=at_once)
    return backlog


def check_stamps(deployment, reader, compared):
    """Limits and outcomes are in the mix, and the weights in what was published follow from them."""
    stamps = [stamp for stamp in bundled.stamps(reader.all(deployment.name(INTERNAL))) if stamp is not None]
    assert len(stamps) == compared > REPORTS // 2
    assert {stamp.over_limit for stamp in stamps} == {False, True}
    assert sum(stamp.factor > 1 for stamp in stamps) > 25
    assert sum(0 < stamp.factor < 1 for stamp in stamps) > 25
    weights = {
        orjson.loads(row.value)["risk"]["components"]["reporter_weight"]
        for row in reader.all(deployment.name(ENRICHED))
    }
    assert 0 in weights
    assert len(weights) > 20


def test_nothing_is_lost_or_repeated_when_workers_are_killed(deploy):
    deployment = deploy()
    deployment.fleet.command = SMALL_CYCLES
    chance = random.Random(20_261_124)
    mix = Mix(deployment, 1, REQUESTS, KILLS, STEPS_MS)
    reports = generate(1, REPORTS, soon_ms=STEPS_MS)
    pieces = KILLS + 1
    publisher = deployment.publisher()
    deployment.fleet.start()
    backlogs = []
    for number in range(KILLS):
        mix.go_on()
        # Sent without waiting, so that reports still arrive during the kill. After a flush the worker would
        # be done first.
        piece = reports[number * REPORTS // pieces : (number + 1) * REPORTS // pieces]
        publisher.send(piece)
        deployment.published += piece
        # After the last kill the successor waits until the session expires, as in production.
        backlogs.append(kill_at_a_random_moment(deployment, chance, at_once=number < KILLS - 1))
        publisher.flush()
    deployment.publish(reports[KILLS * REPORTS // pieces :])
    mix.settle()
    assert deployment.fleet.exit_codes == [-signal.SIGKILL] * KILLS
    # At least half of the kills must hit a worker with work left, or the test proves nothing.
    assert sum(backlog > 0 for backlog in backlogs) >= KILLS // 2, backlogs

    reader = deployment.outputs()
    totals = mix.check(reader)
    compared = check_replay(deployment, reader, shipped_rules())
    assert totals.published == REPORTS
    assert totals.clocks.outcomes > 100
    assert compared[ENRICHED] == totals.enriched
    check_stamps(deployment, reader, compared[INTERNAL])
    moderated = totals.moderated
    assert min(moderated.outcomes, moderated.credited, moderated.too_late) > 100
    assert min(moderated.superseded, moderated.repeats, moderated.refused) >= KILLS


@pytest.mark.nightly
def test_nothing_is_lost_or_repeated_when_workers_join_and_leave(deploy):
    deployment = deploy()
    fleet = deployment.fleet
    fleet.command = SMALL_CYCLES
    mix = Mix(deployment, 2, 600, 6, 15_000)
    reports = generate(2, 6 * PIECE, soon_ms=15_000)
    publish_next = iter(range(6)).__next__

    def publish_a_sixth():
        number = publish_next()
        deployment.publish(reports[number * PIECE : (number + 1) * PIECE])
        mix.go_on()

    def all_own_partitions():
        return all("owns partitions [" in worker.text for worker in fleet.running)

    publish_a_sixth()
    first = fleet.start()
    for _ in range(2):
        fleet.start()
        publish_a_sixth()
        fleet.wait_for(all_own_partitions, 30, "the new worker has partitions")
        publish_a_sixth()
    second, third = fleet.running[1:]
    second.signal(signal.SIGTERM)
    publish_a_sixth()
    # The third is killed; the first gets its partitions when the session expires.
    fleet.running.remove(third)
    third.end()
    mix.settle()
    assert second.wait(10) == 0
    fleet.tend()
    assert fleet.running == [first]
    assert fleet.exit_codes == [0], "only the worker that was stopped may have ended, and without an error"

    reader = deployment.outputs()
    mix.check(reader)
    check_replay(deployment, reader, shipped_rules())
