"""When a candidate is taken back: how rarely without a reason, and how soon with one."""

import dataclasses
import random

import pytest

from streams.contract.events.rules.rule_change import RuleActor
from streams.contract.events.rules.rule_trial import RuleTrialCount
from streams.registry.changes.halting import (
    BAND,
    LEAST_EPISODES,
    Sides,
    TrialNumbers,
    compared_levels,
    why_to_halt,
)
from streams.registry.changes.history import OnTrial
from streams.registry.changes.trial_totals import TrialTotals
from tests.unit.traffic import SHIPPED, levels, policy

FRAUD = ("fraud", 1)


def numbers(share, episodes, reports=Sides(), windows=Sides()):
    return TrialNumbers(share, reports, windows, episodes)


def halted_after(seed, share, ratio, most):
    """After how many escalated channels a candidate is halted that escalates `ratio` times as many; None if never.

    Looks after each, as workers may.
    """
    draw = random.Random(seed)
    probability = ratio * share / (ratio * share + 100 - share)
    in_force = candidate = 0
    for number in range(1, most + 1):
        if draw.random() < probability:
            candidate += 1
        else:
            in_force += 1
        if why_to_halt(numbers(share, {FRAUD: Sides(in_force, candidate)}), {FRAUD}) is not None:
            return number
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "ratio"), [(1, BAND), (10, BAND), (10, 1 / BAND), (50, 1 / BAND), (10, 1.0)]
)
def test_a_candidate_within_the_band_is_hardly_ever_halted_however_often_one_looks(share, ratio):
    """At the edges of the band, where it is most likely, one run of a thousand is to be expected at most."""
    halted = [halted_after(seed, share, ratio, 200) for seed in range(200)]
    assert sum(found is not None for found in halted) <= 2


@pytest.mark.parametrize(
    ("share", "ratio", "most"), [(10, 6.0, 150), (50, 6.0, 150), (50, 0.1, 150), (1, 30.0, 150)]
)
def test_a_candidate_far_outside_is_halted_soon(share, ratio, most):
    found = sorted(halted_after(seed, share, ratio, 2_000) or 2_000 for seed in range(100))
    assert found[50] <= most
    assert found[95] <= 4 * most


def test_the_numbers_decide_and_the_sentence_says_them():
    assert why_to_halt(numbers(10, {FRAUD: Sides(20, 40)}), {FRAUD}) == (
        "policy fraud, level 1: 40 channels of 10 %, and 20 of the others; per channel more than 2 times as many"
    )
    assert why_to_halt(numbers(50, {FRAUD: Sides(60, 2)}), {FRAUD}) == (
        "policy fraud, level 1: 2 channels of 50 %, and 60 of the others; per channel less than 1/2 as many"
    )
    # As few as the floor, in shadow, and of a policy that only one side has.
    assert why_to_halt(numbers(1, {FRAUD: Sides(0, LEAST_EPISODES - 1)}), {FRAUD}) is None
    assert why_to_halt(numbers(1, {FRAUD: Sides(0, LEAST_EPISODES)}), {FRAUD}) is not None
    assert why_to_halt(numbers(0, {FRAUD: Sides(0, 1_000)}), {FRAUD}) is None
    assert why_to_halt(numbers(10, {FRAUD: Sides(0, 1_000)}), {("spam", 1)}) is None


def test_a_candidate_that_makes_a_report_much_more_work_is_halted():
    def found(reports, windows):
        return why_to_halt(numbers(10, {}, Sides(*reports), Sides(*windows)), {FRAUD})

    assert found((9_000, 1_000), (27_000, 6_000)) is None
    assert found((9_000, 1_000), (27_000, 6_001)) == (
        "for a report policies look at 6.0 windows, and at 3.0 in the other channels"
    )
    assert found((9_000, 999), (27_000, 60_000)) is None


def test_what_is_compared_are_levels_of_live_policies_that_both_have():
    def rules(*policies):
        return dataclasses.replace(SHIPPED, policies=policies)

    two = levels({"reports": 1}, {"reports": 2})
    before = rules(policy(levels=two), policy(id="gone"), policy(id="watched", mode="shadow"))
    after = rules(policy(levels=levels({"reports": 3})), policy(id="new"), policy(id="watched"))
    assert compared_levels(before, after) == {("spam", 1)}


def count(partition, change, of, policy, level, in_force, candidate):
    return RuleTrialCount("b" * 64, 10, change, partition, of, policy, level, in_force, candidate)


def test_numbers_of_partitions_are_added_and_those_of_an_earlier_trial_are_not():
    totals = TrialTotals()
    for row in (
        count(0, 4, "episodes", "fraud", 1, 90, 90),
        count(1, 7, "episodes", "fraud", 1, 3, 1),
        # A partition that has not read of the end of the trial before.
        count(2, 4, "episodes", "fraud", 1, 50, 50),
        count(1, 7, "episodes", "fraud", 1, 4, 1),
        count(0, 7, "episodes", "fraud", 1, 2, 0),
        count(0, 7, "episodes", "fraud", 2, 1, 0),
        count(0, 7, "reports", None, None, 450, 50),
        count(0, 7, "windows", None, None, 900, 150),
    ):
        totals.read(row)
    actor = RuleActor("alice", "lead")
    assert totals.of(OnTrial("b" * 64, 10, 3, 7, actor, "why", 0)) == TrialNumbers(
        10, Sides(450, 50), Sides(900, 150), {FRAUD: Sides(6, 1), ("fraud", 2): Sides(1, 0)}
    )
    assert totals.of(OnTrial("b" * 64, 10, 7, 9, actor, "why", 0)).episodes == {}
