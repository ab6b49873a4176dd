"""A release must not be cheaper to attack than the one before: the stored plans, and a short search."""

import pytest

from tests.evaluate.adversary import baseline
from tests.evaluate.adversary.goals import GOALS, defended
from tests.evaluate.adversary.search import search

LIVE = defended()
STORED = baseline.read()
SEEDS = (201, 202, 203)


def test_every_goal_has_a_price():
    assert list(STORED) == [goal.name for goal in GOALS]


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_the_stored_price_is_the_price(goal):
    """If the cheapest plan fails now, the price has risen: search again and store it (`make attacks
    ARGS=--write`). If one that failed works now, this version is cheaper to attack.
    """
    known = STORED[goal.name]
    for plan in known.fails:
        assert plan.cost < known.cost
        assert sum(goal.reached(plan, LIVE, seed) for seed in SEEDS) <= 1, plan
    if known.plan is not None:
        assert sum(goal.reached(known.plan, LIVE, seed) for seed in SEEDS) >= 2, known.plan


@pytest.mark.nightly
@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_a_search_finds_nothing_cheaper(goal):
    known = STORED[goal.name]
    found = search(goal, LIVE, 150, 11, [known.plan] if known.plan else ())
    assert found.cost >= known.cost * (1 - baseline.NOISE) or found.held_out < 0.5, found


def test_a_search_gives_the_same_plan_for_the_same_seed_and_beats_a_crowd():
    goal = next(goal for goal in GOALS if goal.name == "threat-to-life L2")
    one, other = (search(goal, LIVE, 40, 3) for _ in range(2))
    assert one == other
    assert one.plan is not None
    assert one.cost < 5
