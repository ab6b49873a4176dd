"""The attacks that were found by hand, on the two real stages: what each came to before, and what it must not
come to any more.

`tests/evaluate/adversary/named.py` has them by name, with their prices; docs/trust-measured.md, 'What attacks
cost', has the table.
"""

from functools import cache

import pytest

from tests.evaluate.adversary.named import (
    CROWDS,
    FLOODS,
    POLICIES,
    RETARGETING,
    SILENCING,
    accounts_needed,
    desk_flooded,
    level_of,
    one_account,
    retargeted,
    trust_after,
    wave_beside,
)
from tests.evaluate.adversary.plan import Plan
from tests.evaluate.stages import shipped

LIVE = shipped(integrity="live")
SHADOW = shipped(integrity="shadow")
FLOORS = ("child-safety", "intimate-images", "threat-to-life")


@cache
def wave_alone(policy: str) -> int:
    return wave_beside(LIVE, Plan(), policy).level


# --- 1a: a level against an innocent channel


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.policy)
@pytest.mark.parametrize("messages", ["same", "own", "none"])
def test_one_account_reaches_no_level_above_review(policy, messages):
    """Level 3 of child-safety with 7 reports by an old member, with 33 by an account of one day."""
    assert level_of(LIVE, policy, one_account(messages, reports=100)) <= 1
    assert level_of(LIVE, policy, one_account(messages, age="under_1d", reports=100)) <= 1


def test_new_outsiders_stay_at_review_where_there_is_no_floor():
    plan = CROWDS["<1 day, outsider"]
    for policy in POLICIES:
        if policy.policy not in FLOORS:
            assert accounts_needed(LIVE, policy, plan)[1:] == [None] * (policy.levels - 1), policy


def test_nobody_lifts_the_cap_by_inflating_the_usual_rate():
    """150 new outsiders reached level 2 after 800 worthless reports by one old account."""
    fraud = next(one for one in POLICIES if one.policy == "fraud")
    assert level_of(LIVE, fraud, Plan(150, "under_1w", inflation=800)) == 1


# --- 1b: an honest wave of 80


@pytest.mark.parametrize("policy", ["fraud", "fraud-voices"])
@pytest.mark.parametrize(
    "attack",
    [
        "one new account, 80 reports",
        "one new account, 200 reports",
        "two posts, deleted",
        "four posts, deleted",
    ],
)
def test_an_honest_wave_keeps_its_level(attack, policy):
    """One account made it level 1; two deleted posts left it 16 of 69 voices."""
    assert wave_beside(LIVE, SILENCING[attack], policy).level == wave_alone(policy) == 2


# --- 1c: trust in an honest reporter


def test_posts_that_are_gone_cost_a_reporter_nothing():
    before, after = trust_after(LIVE, 8, "dismissed", 40, "not_found")
    assert (after.trust_class, after.factor) == ("high", pytest.approx(before.factor, rel=0.02))


# --- 1d: desks


def test_a_person_hears_of_an_account_that_reports_a_thousand_channels():
    assert desk_flooded(LIVE, FLOODS["one new account, 1,000 channels"]).noticed == 1


# --- 1e: five targets


def test_a_plain_brigade_reaches_level_2_with_its_first_target_alone():
    assert retargeted(LIVE, RETARGETING["plain, old outsiders"])[1:] == [0, 0, 0, 0]


def test_the_same_accounts_every_twelve_hours_are_recognised_from_the_third_target_on():
    assert retargeted(LIVE, RETARGETING["the same, every 12 h"])[2:] == [0, 0, 0]
