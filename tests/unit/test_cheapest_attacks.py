"""A release must not be cheaper to attack than the one before: the stored plans, and a short search."""

import pytest

from tests.evaluate.adversary import baseline
from tests.evaluate.adversary.goals import GOALS, defended
from tests.evaluate.adversary.plan import Plan
from tests.evaluate.adversary.search import search

LIVE = defended()
STORED = baseline.read()


def test_every_goal_has_a_price():
    assert list(STORED) == [goal.name for goal in GOALS]


@pytest.mark.parametrize(
    "goal",
    [
        # A wave beside which an attack is played takes seconds of a processor; the others a second each.
        pytest.param(
            goal,
            id=goal.name,
            marks=[pytest.mark.nightly] * (goal.name.startswith("silence 80") or number % 2 == 1),
        )
        for number, goal in enumerate(GOALS)
    ],
)
def test_no_stored_attack_that_failed_works_and_is_cheaper(goal):
    """If one works, this version is cheaper to attack than the one before."""
    known = STORED[goal.name]
    for plan in known.fails:
        assert plan.cost < known.cost
        assert not baseline.works(goal, plan, LIVE), plan


@pytest.mark.nightly
@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_a_search_finds_nothing_cheaper_and_the_stored_price_is_the_price(goal):
    """If the cheapest plan fails, the price has risen: store the new one (`make attacks ARGS=--write`)."""
    known = STORED[goal.name]
    if known.plan is not None:
        assert baseline.works(goal, known.plan, LIVE), known.plan
    found = search(goal, LIVE, 100, 11, [known.plan] if known.plan else ())
    assert found.cost >= known.cost * (1 - baseline.NOISE) or found.held_out < 0.5, found


@pytest.mark.slow
def test_a_search_gives_the_same_plan_for_the_same_seed_and_a_cheaper_one_than_it_began_with():
    goal = next(goal for goal in GOALS if goal.name == "threat-to-life L2")
    crowd = Plan(20, "under_1d", 1.0)
    one, other = (search(goal, LIVE, 10, 3, [crowd]) for _ in range(2))
    assert one == other
    assert one.cost < crowd.cost
