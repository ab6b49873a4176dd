"""All at once, at random moments: workers and the broker are killed, stopped and paused, the fleet is
restarted in turn, a tenth of the records is hostile, and a subscriber is slow. Nothing is lost or applied
twice, and the log replays to the same bytes.

`make test` plays one short run, `make test-all` longer ones. `make soak` plays many, each with another seed
(CONTRIBUTING.md).
"""

import os
import random
import signal
import threading
import time

import pytest

from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.deployment import SOURCE
from tests.kafka.harness.hostile_reports import hostile_reports
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.subscribers import Subscribers
from tests.kafka.harness.workers import MOST_MIB, peak_mib

RATE = 1_000
HOSTILE_RATE = RATE // 10
MOST_WORKERS = 4
# Seconds. The session timeout is 6 s. After a shorter pause the worker continues; after a longer one it must
# notice that it has lost its partitions.
SHORT_PAUSE, LONG_PAUSE = (0.1, 3), (5, 11)

# Relative frequencies. An absent broker stops every worker, so faults of the broker are rare: no others
# combine with them.
FAULTS = {
    "start": 5,
    "start two": 1,
    "kill": 4,
    "stop": 4,
    "restart all in turn": 1,
    "pause": 4,
    "long pause": 2,
    "stick the broker": 2,
    "kill the broker": 0.7,
    "stop the broker": 0.7,
}


# What a worker logs before it ends by itself.
# The last one: the broker went away while a worker that took over opened a connection to read claims.
REASONS = (
    "Crashed reason=OwnershipLost(",
    "Error: RefusedToStart(",
    'Crashed reason=KafkaConnectionError("Unable to bootstrap from',
)


class Trouble:
    """Causes faults in a deployment and its broker, and records them in `story`."""

    def __init__(self, deployment, broker, chance):
        self.story = []
        self._deployment = deployment
        self._fleet = deployment.fleet
        self._broker = broker
        self._chance = chance
        self._began = time.monotonic()
        # Largest memory of any worker so far, in MiB.
        self.peak = 0
        # When each paused worker is to be woken (monotonic seconds).
        self._paused = {}

    def do_something(self):
        """Cause one random fault; do nothing if no worker is available for it."""
        self.wake(only_due=True)
        self.note_memory()
        (fault,) = self._chance.choices(list(FAULTS), list(FAULTS.values()))
        awake = [worker for worker in self._fleet.running if worker not in self._paused]
        if fault.startswith("start"):
            for _ in range(min(1 + fault.endswith("two"), MOST_WORKERS - len(self._fleet.running))):
                self.start()
        elif fault == "restart all in turn":
            self._note(fault)
            self._restart(awake)
        elif fault.endswith("broker"):
            self._note(fault)
            self._harm_broker(fault)
        elif awake:
            worker = self._chance.choice(awake)
            self._note(fault, worker)
            self._harm(worker, fault)
        self._fleet.tend()
        if not self._fleet.running:
            self.start()

    def note_memory(self):
        """Note how much memory the workers have taken."""
        self.peak = max(self.peak, 0, *map(peak_mib, self._fleet.running))

    def start(self):
        """Start one worker more."""
        self._note("start", self._fleet.start())

    def wake(self, *, only_due=False):
        """Wake paused workers: all of them, or only those whose pause is over."""
        for worker, until in list(self._paused.items()):
            if not only_due or time.monotonic() > until:
                self._note("wake", worker)
                worker.signal(signal.SIGCONT)
                del self._paused[worker]

    def _restart(self, workers):
        """Stop each worker and start another one, as an upgrade does."""
        for worker in workers:
            worker.signal(signal.SIGTERM)
            self._fleet.wait_for(lambda old=worker: old.exit_code is not None, 60, "a worker stopped")
            self.start()
            time.sleep(self._chance.uniform(0, 2))

    def _harm(self, worker, fault):
        if fault == "kill":
            self._deployment.kill(worker, at_once=self._chance.random() < 0.5)
        elif fault == "stop":
            worker.signal(signal.SIGTERM)
        else:
            worker.signal(signal.SIGSTOP)
            seconds = self._chance.uniform(*(SHORT_PAUSE if fault == "pause" else LONG_PAUSE))
            self._paused[worker] = time.monotonic() + seconds

    def _harm_broker(self, fault):
        if fault == "stick the broker":
            os.kill(self._broker.pid, signal.SIGSTOP)
            time.sleep(self._chance.uniform(0.2, 6))
            os.kill(self._broker.pid, signal.SIGCONT)
        else:
            (self._broker.kill if fault.startswith("kill") else self._broker.stop)()
            time.sleep(self._chance.uniform(0, 3))
            self._broker.start()

    def _note(self, what, worker=None):
        whom = worker.log.stem if worker else ""
        self.story.append(f"{time.monotonic() - self._began:.1f} {what} {whom}".rstrip())


def pytest_generate_tests(metafunc):
    first, seeds = (metafunc.config.getoption(name) for name in ("first_seed", "seeds"))
    metafunc.parametrize("seed", range(first, first + seeds))


def test_random_faults(deploy, tmp_path, seed, request):
    seconds = request.config.getoption("seconds")
    chance = random.Random(seed)
    with throwaway_broker(tmp_path / "kafka") as broker:
        deployment = deploy(bootstrap=broker.bootstrap)
        mix = Mix(deployment, seed, 400, 10, 20_000)
        reports = generate(seed, int(RATE * seconds), soon_ms=20_000)
        hostile = hostile_reports(seed, int(HOSTILE_RATE * seconds))
        publishers = [deployment.publisher(), deployment.publisher(LIBRDKAFKA_DEFAULT)]
        forger = deployment.publisher(topic=SOURCE)
        failed = threading.Event()
        subscribers = Subscribers(deployment)

        def publish():
            chance = random.Random(seed)
            began = time.monotonic()
            sent = 0
            while sent < len(reports) and not failed.is_set():
                due = min(len(reports), int((time.monotonic() - began) * RATE))
                # One report in ten uses the other partitioner, which mostly misses the home partition.
                publishers[chance.random() < 0.1].send(reports[sent:due])
                harm = hostile[sent * HOSTILE_RATE // RATE : due * HOSTILE_RATE // RATE]
                forger.send(harm)
                subscribers.sent(reports[sent:due])
                deployment.published += [*reports[sent:due], *harm]
                sent = due
                time.sleep(0.02)
            for publisher in (*publishers, forger):
                publisher.flush()

        trouble = Trouble(deployment, broker, chance)
        for _ in range(chance.choice((1, 2, 3))):
            trouble.start()
        publishing = threading.Thread(target=publish)
        publishing.start()
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(chance.uniform(0, chance.choice((0.2, 0.5, 1, 2, 4))))
                mix.go_on()
                trouble.do_something()
        except BaseException:
            failed.set()
            raise
        finally:
            trouble.wake()
            publishing.join(120)
            print(f"seed {seed}: {', '.join(trouble.story)}")
        # Workers that still run may be about to end.
        deployment.fleet.start()
        mix.settle(150)
        trouble.note_memory()
        subscribers.end()
        print(
            f"seed {seed}: {len(reports)} reports, {len(hostile)} hostile records; half came within "
            f"{subscribers.percentile(0.5):.2f} s, 99 of 100 within {subscribers.percentile(0.99):.1f} s; "
            f"peak memory of a worker {trouble.peak} MiB"
        )
        assert trouble.peak < MOST_MIB
        # SIGTERM kills a process in which Python has not yet installed its handler.
        assert set(deployment.fleet.exit_codes) <= {0, 1, -signal.SIGKILL, -signal.SIGTERM}
        for worker in deployment.fleet.ended:
            if worker.exit_code == 1:
                assert any(reason in worker.text for reason in REASONS), worker.text

        reader = deployment.outputs()
        mix.check(reader)
        check_replay(deployment, reader, shipped_rules())
