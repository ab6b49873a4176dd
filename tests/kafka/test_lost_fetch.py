"""A fetch lost between fetcher and agent stops the worker before a record is skipped."""

import re

import pytest

from tests.kafka.harness.deployment import INTERNAL, SOURCE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import changed_worker

# A worker that losing one batch of a topic before it reaches the agent: the third batch of some partition.
_PROGRAM = """
import sys
from collections import Counter
from streams.running.cycle import batches

iterate = batches.BatchScheduler.iterate
seen, lost = Counter(), []

def lose_one(self, records):
    for tp, batch in iterate(self, records):
        seen[tp] += 1
        if tp.topic == {topic!r} and seen[tp] > 2 and not lost:
            lost.append(tp)
            print("lost", tp.topic, tp.partition, batch.value.begin, batch.value.end, file=sys.stderr, flush=True)
        else:
            yield tp, batch

batches.BatchScheduler.iterate = lose_one

# What it passes on to itself comes with a fetch, too.
from streams.running.cycle import cycle
cycle.MAX_FOLLOWED_BYTES = -1
"""

# The internal topic is written in transactions: it has markers between records, and fetches of markers only.
TOPICS = (pytest.param(SOURCE, marks=pytest.mark.nightly), INTERNAL)
PIECE = 1_000
# Three would be enough if every fetch returned one piece.
PIECES = 20


@pytest.mark.parametrize("topic", TOPICS)
def test_a_lost_fetch_stops_the_worker_and_the_next_worker_applies_it(deploy, topic):
    deployment = deploy()
    fleet = deployment.fleet
    program = _PROGRAM.format(topic=deployment.name(topic))
    losing = fleet.start(changed_worker(program))
    fleet.wait_for(lambda: "owns partitions [" in losing.text, 60, "the takeover")
    reports = generate(41, PIECE * PIECES)

    def applied_or_ended(applied):
        return lambda: losing.exit_code is not None or deployment.applied() > applied

    for start in range(0, len(reports), PIECE):
        applied = deployment.applied()
        # Most of this half must be re-keyed to their home through the internal topic.
        deployment.publish(reports[start : start + PIECE // 2])
        deployment.publish(reports[start + PIECE // 2 : start + PIECE], LIBRDKAFKA_DEFAULT)
        fleet.wait_for(applied_or_ended(applied), 60, "progress, or the end", tend=False)
        if losing.exit_code is not None:
            break
    deployment.wait_until_applied()

    assert fleet.exit_codes == [1]
    ((partition, begin, end),) = re.findall(
        rf"^lost {re.escape(deployment.name(topic))} (\d+) (\d+) (\d+)$", losing.text, re.M
    )
    assert (
        f"{deployment.name(topic)} partition {partition}: records were lost within this worker. "
        f"The fetched batch begins at offset {end}, but the next offset to apply is {begin}."
    ) in losing.text
    reader = deployment.outputs()
    check_outputs(deployment, reader)
    check_replay(deployment, reader, shipped_rules())
