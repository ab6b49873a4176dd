"""The broker stops under load: for longer than a transaction may take, in the middle of one; cleanly; by
SIGKILL.
"""

import signal
import threading
import time

import pytest

from streams.running.log.log import TRANSACTION_SECONDS
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.steps import Sent, is_stopped, struck_worker
from tests.kafka.harness.workers import HAVE_SMALL_CYCLES, SMALL_CYCLES

REPORTS = 6_000
# Each fault has reports of its own, so that the worker always has work when the broker goes.
FAULTS = 3
BATCH = 50

# Longer than a transaction may take: the worker must abandon the one in progress.
LONG_SECONDS = TRANSACTION_SECONDS + 4
STEP = Sent("ProduceRequest", 8)


@pytest.fixture
def broker(tmp_path):
    """A broker for this test alone: other tests need the shared one."""
    with throwaway_broker(tmp_path / "kafka") as broker:
        yield broker


@pytest.mark.nightly
def test_broker_restarts_under_load(broker, deploy):
    deployment = deploy(bootstrap=broker.bootstrap)
    fleet = deployment.fleet
    fleet.command = SMALL_CYCLES
    mix = Mix(deployment, 5, 400, 4, 20_000)
    reports = generate(5, REPORTS, soon_ms=20_000)
    publisher = deployment.publisher()
    deployment.published += reports

    def publish_until_done():
        for start in range(0, REPORTS, BATCH):
            if start % (REPORTS // FAULTS) == 0:
                released.acquire()
            publisher.send(reports[start : start + BATCH])
            if failed.wait(0.03):
                return
        publisher.flush()

    def stay_away_for_long_in_a_cycle(worker):
        fleet.wait_for(lambda: is_stopped(worker), 60, "it is in the middle of a cycle", tend=False)
        broker.kill()
        worker.signal(signal.SIGCONT)
        gone_at = time.monotonic()
        # It cannot know what became of its transaction.
        assert worker.wait(TRANSACTION_SECONDS + 20) == 1
        assert "transaction did not commit" in worker.text, worker.tail()
        fleet.wait_for(lambda: time.monotonic() > gone_at + LONG_SECONDS, 60, "a long time")

    assert REPORTS // FAULTS % BATCH == 0
    failed, released = threading.Event(), threading.Semaphore(0)
    publishing = threading.Thread(target=publish_until_done)
    struck = fleet.start(struck_worker(STEP, signal.SIGSTOP, HAVE_SMALL_CYCLES))
    publishing.start()
    try:
        released.release()
        stay_away_for_long_in_a_cycle(struck)
        broker.start()
        for go_away in (broker.stop, broker.kill):
            applied = deployment.applied()
            released.release()
            fleet.wait_for(lambda: deployment.applied() > applied, 60, "progress")
            mix.go_on()
            (worker,) = fleet.running
            gone_at = time.monotonic()
            go_away()
            broker.start()
            # It survives a restart that takes less time than a transaction may, with what it had begun before
            # and what it does after; on a busy machine a restart takes longer.
            if time.monotonic() - gone_at < TRANSACTION_SECONDS / 2:
                assert worker.exit_code is None
    except BaseException:
        failed.set()
        released.release(FAULTS)
        raise
    finally:
        publishing.join(120)
    assert publisher.confirmed == REPORTS
    mix.settle()
    assert set(fleet.exit_codes) == {1}

    reader = deployment.outputs()
    totals = mix.check(reader)
    assert min(totals.moderated.credited, totals.moderated.superseded) > 0
    check_replay(deployment, reader, shipped_rules())
