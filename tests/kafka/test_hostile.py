"""Hostile publishers beside honest ones: honest reports and outcomes are each applied once, in time; no
worker dies or grows.

`make test-all` plays each attack, `make hostile` a long seeded run.
"""

import random
import time
from collections import Counter

import pytest

from tests.kafka.harness.attacks import ATTACKS, Attacker
from tests.kafka.harness.deployment import (
    ACTIVITY,
    DEAD_LETTERS,
    MODERATION,
    NOTICES,
    REPORTERS_INTERNAL,
    REPORTERS_STATE,
)
from tests.kafka.harness.honest import HonestTraffic
from tests.kafka.harness.moderation import Moderators
from tests.kafka.harness.moderation_oracle import check_moderation
from tests.kafka.harness.reader import Reader
from tests.kafka.harness.workers import MOST_MIB, peak_mib

pytestmark = pytest.mark.timeout(1800)

HONEST_RATE = 500
WORKERS = 2

# What is read in the end: not the sources, in which the hostile records are.
READ = (DEAD_LETTERS, MODERATION, ACTIVITY, NOTICES, REPORTERS_INTERNAL, REPORTERS_STATE)

# The length of `make hostile`, which runs alone.
LONG_SECONDS = 300

# 99 of 100 honest reports are through in this time, except in the partition whose source is flooded.
P99_SECONDS = 2.0

# Attacks that fill a source with refused records hit this partition alone, so that the latency of the others
# shows that they go on.
FLOODED = 0
FLOODS = {"flood", "empty records", "victims"}


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@pytest.mark.nightly
def test_hostile_publishers(deploy, request):
    seconds, seed = (request.config.getoption(name) for name in ("seconds", "first_seed"))
    chance = random.Random(seed)
    deployment = deploy()
    workers = [deployment.fleet.start() for _ in range(WORKERS)]
    honest = HonestTraffic(deployment, HONEST_RATE)
    honest.start()
    deployment.fleet.wait_for(lambda: deployment.applied() > 2 * HONEST_RATE, 60, "honest reports applied")
    attacker = Attacker(deployment, seed)
    moderators = Moderators(deployment, seed, honest.published)
    names = list(ATTACKS)
    chance.shuffle(names)
    until = time.monotonic() + seconds
    story = []
    while names or time.monotonic() < until:
        name = names.pop() if names else chance.choice(sorted(set(ATTACKS) - FLOODS))
        partition = FLOODED if name in FLOODS else chance.randrange(deployment.partitions)
        attacker.attack(name, partition)
        moderators.go_on(30)
        story.append(f"{name} at {partition}")
        deployment.fleet.tend()
        time.sleep(chance.uniform(0.5, 2))
    honest.stop()
    deployment.wait_until_applied(300)
    honest.finish(lambda condition: deployment.fleet.wait_for(condition, 60, "every honest report arrived"))
    print(f"seed {seed}: {', '.join(story)}")
    others, flooded = (honest.latencies(flooded=FLOODED, at_flooded=at) for at in (False, True))
    peaks = [peak_mib(worker) for worker in deployment.fleet.running]
    print(
        f"measured: {honest.sent} honest reports, each applied once; p99 {percentile(others, 0.99):.2f} s, "
        f"{percentile(flooded, 0.99):.2f} s at the flooded partition; hostile records {attacker.sent}; "
        f"peak memory {peaks} MiB"
    )
    assert deployment.fleet.running == workers, f"workers ended: {deployment.fleet.tails()}"
    assert max(peaks) < MOST_MIB
    # Beside other tests on the same cores a latency says nothing.
    if seconds >= LONG_SECONDS:
        assert percentile(others, 0.99) < P99_SECONDS
    with Reader(deployment.bootstrap, map(deployment.name, READ)) as reader:
        reader.catch_up()
    lies = attacker.sent["false outcomes"]
    print(check_moderation(moderators, deployment, reader, false_outcomes=lies))
    refused = Counter(
        dict(row.headers)["tocsin-reason"].decode() for row in reader.all(deployment.name(DEAD_LETTERS))
    )
    # Each record of an attack became a dead letter, except the victims' requests, which are legal.
    hostile = refused.total() - len(moderators.refused)
    assert hostile == attacker.total - attacker.sent["victims"], (refused, attacker.sent)
    assert refused["not_allowed_here"] == attacker.sent["claims"]
