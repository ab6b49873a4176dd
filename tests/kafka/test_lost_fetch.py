"""A fetch that gets lost between fetcher and agent, for whatever reason, stops the worker before anything is skipped."""

import re

import pytest

from tests.kafka.harness.deployment import INTERNAL, SOURCE
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import changed_worker

# Minutes on an idle machine are many on one that runs other tests beside.
pytestmark = pytest.mark.timeout(600)

# A worker that loses one batch of a topic on its way to the agent: the first of the partition that had two before.
_PROGRAM = """
import sys
from collections import Counter
from streams.runtime import batches

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
"""

# What is written in transactions has markers between its records, and fetches that bring nothing else.
TOPICS = (SOURCE, INTERNAL)
PIECE = 1_000
# Three are enough unless fetches bring several at once.
PIECES = 20


@pytest.mark.parametrize("topic", TOPICS)
def test_a_fetch_that_is_lost_on_its_way_stops_the_worker_and_is_applied_by_the_next(deploy, topic):
    deployment = deploy()
    fleet = deployment.fleet
    program = _PROGRAM.format(topic=deployment.name(topic))
    loses = fleet.start(changed_worker(program))
    fleet.wait_for(lambda: "owns partitions [" in loses.text, 60, "the takeover")
    reports = generate(41, PIECE * PIECES)

    def applied_or_ended(applied):
        return lambda: loses.exit_code is not None or deployment.applied() > applied

    for start in range(0, len(reports), PIECE):
        applied = deployment.applied()
        # Half of them go by the internal topic to their home.
        deployment.publish(reports[start : start + PIECE // 2])
        deployment.publish(reports[start + PIECE // 2 : start + PIECE], LIBRDKAFKA_DEFAULT)
        fleet.wait_for(applied_or_ended(applied), 60, "progress, or the end", tend=False)
        if loses.exit_code is not None:
            break
    deployment.wait_until_applied()

    assert fleet.exit_codes == [1]
    ((partition, begin, end),) = re.findall(
        rf"^lost {re.escape(deployment.name(topic))} (\d+) (\d+) (\d+)$", loses.text, re.M
    )
    assert (
        f"{deployment.name(topic)} partition {partition}: records were lost within this worker. "
        f"The fetched batch begins at offset {end}, but the next offset to apply is {begin}."
    ) in loses.text
    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    compared = check_replay(deployment, reader, shipped_rules())
    print(f"measured: {totals} {compared}")
