"""Batches that end inside of a bundle of reports: whoever takes over goes on at the next entry."""

import random
import signal
import time

import pytest

from streams.deciding.partition.partly_read import PARTLY_READ
from tests import bundled
from tests.kafka.harness.deployment import ENRICHED, INTERNAL, REPORTERS_INTERNAL, REPORTERS_STATE, STATE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import HAVE_SMALL_CYCLES, changed_worker

# Batches of published reports are as large as ever, and fill bundles with dozens of entries. The stage of
# reporters ends its batches after twenty of them, the channels' homes after seven.
ENDS_INSIDE = """
from streams.deciding.partition import limits, stage
from streams.deciding.partition.reading import bundled_in

_apply = stage.Stage.apply_in_slices

def _few(self, state, records, given=limits.LIMITS, **options):
    if bundled_in(self.core.bundled, records[0]) is not None:
        given = given._replace(slice_records=7 if self.name == "reports" else 20, batch_bytes=1)
    return _apply(self, state, records, given, **options)

stage.Stage.apply_in_slices = _few
"""
REPORTS = 3_000
KILLS = 6


@pytest.mark.nightly
def test_whoever_takes_over_goes_on_inside_of_a_bundle(deploy):
    deployment = deploy(partitions=2)
    fleet, chance = deployment.fleet, random.Random(7)
    fleet.command = changed_worker(HAVE_SMALL_CYCLES + ENDS_INSIDE)
    reports = generate(31, REPORTS)
    deployment.publish(reports)
    fleet.start()
    for _ in range(KILLS):
        fleet.tend()
        (worker,) = fleet.running
        fleet.wait_for(lambda worker=worker: "owns partitions [0" in worker.text, 60, "an owner", tend=False)
        time.sleep(chance.uniform(0, 2))
        deployment.kill(worker)
    deployment.wait_until_applied(300)
    assert fleet.exit_codes == [-signal.SIGKILL] * KILLS

    reader = deployment.outputs()
    check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    assert compared[ENRICHED] > REPORTS / 2
    # So that the test proves something: there were large bundles, and batches ended inside of them.
    for topic, state, least in ((REPORTERS_INTERNAL, REPORTERS_STATE, 20), (INTERNAL, STATE, 7)):
        rows = reader.all(deployment.name(topic))
        assert max(len(list(bundled.entries([row]))) for row in rows) > least, topic
        stopped = [row for row in reader.all(deployment.name(state)) if row.key == PARTLY_READ and row.value]
        assert len(stopped) > KILLS, state
    for state in (REPORTERS_STATE, STATE):
        for partition in range(deployment.partitions):
            assert PARTLY_READ not in reader.latest(deployment.name(state), partition)
