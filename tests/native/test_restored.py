"""A takeover at any moment changes nothing: what a state remembers beside its records follows from them."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from streams.deciding.partition.core import CoreName
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.bench.place import ONE_TOPIC
from tests.native.any_stamps import with_any_stamps
from tests.native.fuzz import NOT_SHIPPED, Publishers, any_partition, naming, play
from tests.tools import native_core
from tests.unit.traffic import levels, policy

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


def run(rules: Rules, seed: int, cases: int, core: CoreName) -> None:
    """Run a history of so many reports twice, once with a restart after each few of them.

    Raises AssertionError, with the seed, if anything differs.
    """
    chance = random.Random(seed)
    both = any_partition(rules, chance, (0, 1), cores=(core, core), arriving=with_any_stamps)
    with naming(seed):
        play(both, Publishers(chance, 0, 1), chance, cases, (1, 1, 1, 2, 3, 8), both.restart_second)


@pytest.mark.parametrize("core", ["python", "native"])
@pytest.mark.parametrize(
    ("seeds", "cases"), [((7, 8), 300), pytest.param(range(100, 140), 1_500, marks=pytest.mark.nightly)]
)
def test_a_restart_after_each_batch_changes_nothing(seeds: Iterable[int], cases: int, core: CoreName) -> None:
    rules = load_rules(sources=ONE_TOPIC)
    rules = replace(rules, policies=(*rules.policies, *NOT_SHIPPED, *OF_CROWDS), sample_share=0.1)
    for seed in seeds:
        run(rules, seed, cases, core)
