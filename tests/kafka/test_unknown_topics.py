"""A worker that starts while its broker is away knows no topics, and may become the group's leader."""

from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate
from tests.kafka.harness.workers import changed_worker

# A worker whose first metadata request gets no answer, as can happen while a broker restarts.
_PROGRAM = """
import sys
from aiokafka.client import AIOKafkaClient

update, unanswered = AIOKafkaClient._metadata_update, []

async def answer_all_but_the_first(self, cluster, topics):
    if any("clock-outcomes" in topic for topic in topics or ()) and not unanswered:
        unanswered.append(topics)
        print("not answered", file=sys.stderr, flush=True)
        cluster.failed_update(None)
        return False
    return await update(self, cluster, topics)

AIOKafkaClient._metadata_update = answer_all_but_the_first
"""


def test_a_leader_that_knows_no_topics_asks_again_before_it_assigns(deploy):
    deployment = deploy()
    reports = generate(92, 2_000)
    deployment.publish(reports)
    worker = deployment.fleet.start(changed_worker(_PROGRAM))
    deployment.wait_until_applied(60)
    assert "not answered" in worker.text
    assert worker.exit_code is None
    check_outputs(deployment, deployment.outputs())
