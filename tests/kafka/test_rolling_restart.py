"""A rolling restart: three workers at 2,000 reports per second, stopped and replaced in turn."""

import itertools
import signal
import threading
import time

import orjson

from tests.kafka.harness.deployment import ENRICHED, SOURCE, VERIFIED
from tests.kafka.harness.oracle import check_outputs
from tests.kafka.harness.reports import generate

REPORTS_PER_SECOND = 2_000
# More than three restarts take on a busy machine with two cores. Publishing stops after the last restart.
MOST_SECONDS = 60
PIECE_SECONDS = 0.05
# Between two restarts, so that each hits a group without a rebalance.
REST_SECONDS = 1.0


class SteadyPublisher(threading.Thread):
    """Publishes at a steady rate until `stop`."""

    def __init__(self, deployment, records):
        super().__init__(daemon=True)
        self._deployment = deployment
        self._records = records
        self._publisher = deployment.publisher()
        self._asked_to_stop = threading.Event()

    def run(self):
        piece = int(REPORTS_PER_SECOND * PIECE_SECONDS)
        due = time.monotonic()
        for start in range(0, len(self._records), piece):
            if self._asked_to_stop.is_set():
                break
            records = self._records[start : start + piece]
            self._publisher.send(records)
            self._deployment.published += records
            due += PIECE_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))

    def stop(self):
        """Stop publishing.

        Raises AssertionError if it had already ended, or if a report was not confirmed.
        """
        assert self.is_alive(), "all reports were published before the last restart was over"
        self._asked_to_stop.set()
        self.join()
        self._publisher.flush()


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def test_a_rolling_restart_loses_and_repeats_nothing(deploy):
    deployment = deploy()
    fleet = deployment.fleet
    first = [fleet.start() for _ in range(3)]
    fleet.wait_for(lambda: all("owns partitions [" in worker.text for worker in first), 40, "three owners")
    records = generate(21, REPORTS_PER_SECOND * MOST_SECONDS)
    publishing = SteadyPublisher(deployment, records)
    publishing.start()
    started = time.monotonic()

    for worker in first:
        time.sleep(REST_SECONDS)
        worker.signal(signal.SIGTERM)
        assert worker.wait(20) == 0
        fleet.tend()
        successor = fleet.start()
        fleet.wait_for(
            lambda new=successor: "owns partitions [" in new.text, 40, "the successor owns partitions"
        )
    time.sleep(REST_SECONDS)
    publishing.stop()
    seconds = time.monotonic() - started
    deployment.wait_until_applied()

    assert fleet.exit_codes == [0, 0, 0]
    reader = deployment.outputs()
    totals = check_outputs(deployment, reader)
    # The publisher kept its rate, so the figures are from under load.
    assert totals.published > 0.9 * REPORTS_PER_SECOND * seconds

    waits, gaps = waits_and_gaps(deployment, reader)
    print(
        f"measured: {totals} in {seconds:.1f} s; from a report's append to that of its enriched report p50 {percentile(waits, 0.5)} ms, "
        f"p99 {percentile(waits, 0.99)} ms, longest {waits[-1]} ms; longest gap in the outputs of a partition "
        f"{gaps[-1]} ms"
    )


def waits_and_gaps(deployment, reader):
    """Sorted waits (report to enriched report) and gaps (output to next output) in ms."""
    appended = {
        (row.topic, row.partition, row.offset): row.timestamp
        for topic in (SOURCE, VERIFIED)
        for row in reader.all(deployment.name(topic))
    }
    waits, gaps = [], []
    for rows in reader.rows[deployment.name(ENRICHED)].values():
        for row in rows:
            source = orjson.loads(row.value)["source"]
            waits.append(row.timestamp - appended[source["topic"], source["partition"], source["offset"]])
        gaps += [after.timestamp - before.timestamp for before, after in itertools.pairwise(rows)]
    return sorted(waits), sorted(gaps)
