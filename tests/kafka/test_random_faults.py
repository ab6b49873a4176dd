"""All at once, at random moments: workers and the broker are killed, stopped and paused, the fleet is
restarted in turn, a tenth of the records is hostile, a subscriber is slow, and in long runs a partition has
no leader now and then, and people change the rules. Nothing is lost or applied twice, and the log replays to
the same bytes.

`make test` plays one short run, `make test-all` longer ones. `make soak` plays many, each with another seed
(CONTRIBUTING.md).
"""

import os
import random
import signal
import threading
import time
from contextlib import contextmanager
from functools import partial

from streams.running.topics.topic_catalogue import load_catalogue
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.cluster import KafkaCluster
from tests.kafka.harness.deployment import (
    DEAD_LETTERS,
    ENRICHED,
    INTERNAL,
    REPORTERS_INTERNAL,
    SOURCE,
    STATE,
)
from tests.kafka.harness.hostile_reports import hostile_reports
from tests.kafka.harness.kept_logs import keep_logs
from tests.kafka.harness.mix import Mix
from tests.kafka.harness.publisher import LIBRDKAFKA_DEFAULT
from tests.kafka.harness.random_rules import RandomRules
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import generate
from tests.kafka.harness.rule_acts import UNSIGNED
from tests.kafka.harness.rulings import compiled_rules_of
from tests.kafka.harness.subscribers import Subscribers
from tests.kafka.harness.workers import MOST_MIB, peak_mib

PARTITIONS = 4
RATE = 1_000
HOSTILE_RATE = RATE // 10
MOST_WORKERS = 4
# Seconds. The session timeout is 3 s. After a shorter pause the worker continues; after a longer one it must
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

# From this length on, one partition of one of these topics is on a broker of its own, which goes away now and
# then. Two brokers and a controller take as long to start as a short run takes.
LONG_SECONDS = 30
LOST = (ENRICHED, DEAD_LETTERS, STATE, INTERNAL, REPORTERS_INTERNAL, SOURCE)
AWAY = (3, 12)


# What a worker logs before it ends by itself.
# The last one: the broker went away while a worker that took over opened a connection to read claims.
REASONS = (
    "Crashed reason=OwnershipLost(",
    "Error: RefusedToStart(",
    'Crashed reason=KafkaConnectionError("Unable to bootstrap from',
)


class Trouble:
    """Causes faults in a deployment and its broker, and records them in `story`.

    `second` is the broker of one partition, or None, and `rules` who changes the rules, or None.
    """

    def __init__(self, deployment, broker, second, rules, chance):
        self.story = []
        self._deployment = deployment
        self._fleet = deployment.fleet
        self._broker = broker
        self._second = second
        self._rules = rules
        self._faults = dict(FAULTS)
        if second is not None:
            self._faults["lose a partition"] = 2
        if rules is not None:
            self._faults["change the rules"] = 3
        # What happens first, in every run: in `make test` no other one is restarted in turn, or has one broker
        # and loses it under load.
        self._sure = ["restart all in turn", "kill the broker"] if second is None else ["lose a partition"]
        # Starts the second broker again.
        self._returning = None
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
        faults, weights = list(self._faults), list(self._faults.values())
        fault = self._sure.pop() if self._sure else self._chance.choices(faults, weights)[0]
        awake = [worker for worker in self._fleet.running if worker not in self._paused]
        if fault.startswith("start"):
            for _ in range(min(1 + fault.endswith("two"), MOST_WORKERS - len(self._fleet.running))):
                self.start()
        elif fault == "restart all in turn":
            self._note(fault)
            self._restart(awake)
        elif fault == "lose a partition":
            self._lose()
        elif fault == "change the rules":
            self._note(self._rules.change())
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

    def mend(self):
        """Let paused workers and the second broker come back."""
        self.wake()
        if self._returning is not None:
            self._returning.join()

    def _lose(self):
        if self._returning is not None and self._returning.is_alive():
            return
        seconds = self._chance.uniform(*AWAY)
        self._note("lose a partition")
        (self._second.kill if self._chance.random() < 0.5 else self._second.stop)()

        def return_later():
            time.sleep(seconds)
            self._second.start()

        # What the test reads meanwhile may wait for that partition.
        self._returning = threading.Thread(target=return_later)
        self._returning.start()

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


class OneOf:
    """One broker of a cluster, with the methods of a broker that is alone."""

    def __init__(self, cluster, number):
        self.kill, self.stop, self.start = (
            partial(method, number) for method in (cluster.kill, cluster.stop, cluster.start)
        )
        self._cluster, self._number = cluster, number

    @property
    def pid(self):
        """Its process."""
        return self._cluster.pid(self._number)


@contextmanager
def brokers(folder, prefix, chance, *, second):
    """The addresses, a broker, and with `second` another one, with one partition of a topic."""
    if not second:
        with throwaway_broker(folder) as broker:
            yield broker.bootstrap, broker, None
        return
    with KafkaCluster(folder, brokers=2, replicas=1) as cluster:
        lost = chance.choice(LOST), chance.randrange(PARTITIONS)
        print(f"partition {lost[1]} of {lost[0]} is on the second broker")
        cluster.place(load_catalogue(), prefix, PARTITIONS, lost)
        yield cluster.bootstrap, OneOf(cluster, 1), OneOf(cluster, 2)


def pytest_generate_tests(metafunc):
    first, seeds = (metafunc.config.getoption(name) for name in ("first_seed", "seeds"))
    metafunc.parametrize("seed", range(first, first + seeds))


def test_random_faults(deploy, prefix, tmp_path, seed, request):
    seconds = request.config.getoption("seconds")
    chance = random.Random(seed)
    second = seconds >= LONG_SECONDS
    with brokers(tmp_path / "kafka", f"{prefix}0.", chance, second=second) as (bootstrap, *both):
        deployment = deploy(bootstrap=bootstrap, partitions=PARTITIONS, settings=UNSIGNED)
        rules = RandomRules(deployment, chance) if second else None
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

        trouble = Trouble(deployment, *both, rules, chance)
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
            trouble.mend()
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
        try:
            mix.check(reader)
            check_replay(deployment, reader, shipped_rules(), sets=compiled_rules_of(deployment))
        except AssertionError:
            print(f"the logs are in {keep_logs(deployment, reader, f'seed-{seed}', tmp_path)}")
            raise
