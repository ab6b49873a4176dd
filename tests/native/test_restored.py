"""A takeover at any moment changes nothing: what a state remembers beside its records follows from them."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from streams.deciding.partition.hash_key import DEMONSTRATION
from streams.deciding.partition.limits import LIMITS, UNLIMITED
from streams.deciding.partition.settings import PartitionSettings
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.bench.place import ONE_TOPIC
from tests.native.any_stamps import with_any_stamps
from tests.native.both_cores import BothCores
from tests.native.fuzz import FEW, NOT_SHIPPED, TWO_KEYS, Publishers, any_decision, with_low_limits
from tests.tools import native_core
from tests.unit.traffic import Record, levels, policy

native_core()

# The measures whose value depends on the order of reporters, on several categories, or on who is linked.
OF_CROWDS = (
    policy(
        id="proven",
        categories=("fraud", "spam"),
        levels=levels({"proven_voices": 1}, {"proven_voices": 2}, {"proven_voices": 3}),
    ),
    policy(
        id="voices",
        mode="shadow",
        categories=("spam",),
        levels=levels({"voices": 1.5}, {"voices": 3}, {"linked_share": 0.4, "reports": 3}),
    ),
    policy(
        id="several",
        mode="shadow",
        categories=("csam", "fraud", "hate"),
        levels=levels({"reports": 2, "voices": 1}, {"proven_voices": 1}, {"distinct_reporters": 4}),
    ),
)


def run(rules: Rules, seed: int, cases: int, *, native: bool) -> None:
    """Run a history of so many reports twice, once with a restart after each few of them.

    Raises AssertionError, with the seed, if anything differs.
    """
    chance = random.Random(seed)
    both = BothCores(
        chance.choice((rules, with_low_limits(rules))),
        settings=PartitionSettings(
            duplicates_most=chance.choice((20, 3_000, 5_000_000)),
            new_reporters_per_hour=chance.choice((30, 1_000, 100_000)),
        ),
        keys=chance.choice((DEMONSTRATION,) * 5 + (TWO_KEYS,)),
        cores=(native, native),
        arriving=with_any_stamps,
    )
    publishers = Publishers(chance, 0, 1)
    done = 0
    try:
        while done < cases:
            size = chance.choice((1, 1, 1, 2, 3, 8))
            batch: list[Record] = [publishers.record() for _ in range(size)]
            done += size
            if chance.random() < 0.3:
                batch.insert(chance.randrange(size + 1), any_decision(chance, publishers, done))
            if chance.random() < 0.2:
                both.tick(publishers.clock_ms)
            both.apply(batch, publishers.clock_ms, chance.choice((LIMITS, FEW, UNLIMITED)))
            both.restart_second()
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("seeds", "cases"), [((7, 8), 300), pytest.param(range(100, 140), 1_500, marks=pytest.mark.nightly)]
)
def test_a_restart_after_each_batch_changes_nothing(
    seeds: Iterable[int], cases: int, *, native: bool
) -> None:
    rules = load_rules(sources=ONE_TOPIC)
    rules = replace(rules, policies=(*rules.policies, *NOT_SHIPPED, *OF_CROWDS), sample_share=0.1)
    for seed in seeds:
        run(rules, seed, cases, native=native)
