"""A rolling restart: workers under load, stopped and replaced in turn."""

import signal
import threading
import time
from contextlib import suppress
from itertools import islice, pairwise

import orjson
import pytest

from tests.kafka.harness.deployment import ENRICHED, SOURCE, VERIFIED
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import endless

PIECE_SECONDS = 0.05
# Between two restarts, so that each hits a group without a rebalance.
REST_SECONDS = 1.0


def replace_in_turn(fleet, workers):
    for worker in workers:
        time.sleep(REST_SECONDS)
        worker.signal(signal.SIGTERM)
        assert worker.wait(20) == 0
        fleet.tend()
        successor = fleet.start()
        fleet.wait_for(
            lambda new=successor: "owns partitions [" in new.text, 40, "the successor owns partitions"
        )
    time.sleep(REST_SECONDS)


def measured(deployment, reader):
    """From the append of a report to that of its enriched report, and gaps in the outputs of a partition."""
    appended = {}
    for topic in (SOURCE, VERIFIED):
        for row in reader.all(deployment.name(topic)):
            # Some are no JSON at all.
            with suppress(orjson.JSONDecodeError, TypeError, KeyError):
                appended.setdefault(orjson.loads(row.value or b"")["report_id"], row.timestamp)
    enriched = deployment.name(ENRICHED)
    waits = sorted(
        (row.timestamp - appended[report_id]) / 1000
        for row in reader.all(enriched)
        if (report_id := orjson.loads(row.value)["report"]["report_id"]) in appended
    )
    gap = max(
        (later.timestamp - sooner.timestamp) / 1000
        for rows in reader.rows[enriched].values()
        for sooner, later in pairwise(rows)
    )
    p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    return f"median {p50:.3f} s, p99 {p99:.2f} s, longest {waits[-1]:.2f} s, longest gap {gap:.2f} s"


@pytest.mark.nightly
@pytest.mark.parametrize(("workers", "partitions", "per_second"), [(3, 4, 500), (6, 12, 1_000)])
def test_a_rolling_restart_loses_and_repeats_nothing(deploy, workers, partitions, per_second):
    deployment = deploy(partitions=partitions)
    fleet = deployment.fleet
    first = [fleet.start() for _ in range(workers)]
    fleet.wait_for(lambda: all("owns partitions [" in worker.text for worker in first), 90, "all are owners")
    publisher, reports, over = deployment.publisher(), endless(21), threading.Event()

    def publish_steadily():
        while not over.wait(PIECE_SECONDS):
            piece = [*islice(reports, int(per_second * PIECE_SECONDS))]
            publisher.send(piece)
            deployment.published += piece
        publisher.flush()

    publishing = threading.Thread(target=publish_steadily)
    publishing.start()
    try:
        replace_in_turn(fleet, first)
    finally:
        over.set()
        publishing.join()
    deployment.wait_until_applied()
    assert fleet.exit_codes == [0] * workers
    reader = deployment.outputs()
    print(f"measured: {measured(deployment, reader)}")
    check_outputs(deployment, reader)
