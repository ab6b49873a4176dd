"""The attacks that were found by hand, on the two real stages: what each came to before, and what it must not
come to any more.

`tests/evaluate/adversary/named.py` has them by name, with their prices; docs/attacks-measured.md, 'What attacks
cost', has the table.
"""

from functools import cache

import pytest

from tests.at_night import at_night
from tests.evaluate.adversary.named import (
    CROWDS,
    FLOODS,
    FRAUD,
    POLICIES,
    RETARGETING,
    SILENCING,
    TEN_TIMES,
    accounts_needed,
    desk_flooded,
    level_of,
    one_account,
    retargeted,
    trust_after,
    wave_beside,
)
from tests.evaluate.adversary.battle import Wave
from tests.evaluate.adversary.goals import defended
from tests.evaluate.adversary.plan import Plan

LIVE = defended()
ASKED = ("terrorism", "persons-at-risk", "fraud", "spam-flood")
SIZES = (80, 25)


@cache
def wave_alone(policy: str, people: int) -> int:
    return wave_beside(LIVE, Plan(), policy, wave=Wave(people)).level


# --- 1a: a level against an innocent channel


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.policy)
@pytest.mark.parametrize("messages", ["same", "own", "none"])
def test_one_account_reaches_no_level_above_review(policy, messages):
    """Level 3 of child-safety with 7 reports by an old member, with 33 by an account of one day."""
    assert level_of(LIVE, policy, one_account(messages, reports=100)) <= 1
    assert level_of(LIVE, policy, one_account(messages, age="under_1d", reports=100)) <= 1


@pytest.mark.parametrize(
    "policy", [one for one in POLICIES if one.policy in ASKED], ids=lambda one: one.policy
)
@pytest.mark.parametrize("crowd", [*list(CROWDS)[::2], *at_night(list(CROWDS)[1::2])])
def test_no_crowd_of_strangers_reaches_level_2_without_a_persons_yes(policy, crowd):
    """Level 2 of terrorism took 3 old accounts that had joined, 12 of one day; that of fraud 20 and 50."""
    assert accounts_needed(LIVE, policy, CROWDS[crowd])[1:] == [None] * (policy.levels - 1)


@pytest.mark.parametrize(
    "policy", [one for one in POLICIES if one.policy in ASKED], ids=lambda one: one.policy
)
def test_neither_with_what_a_detector_knows_posted_into_the_channel(policy):
    """With one such post 130 new outsiders reached level 2 of fraud."""
    for joined in (0, 1):
        assert level_of(LIVE, policy, Plan(150, "under_1d", joined, findings=2)) == 1


def test_nobody_lifts_the_cap_by_inflating_the_usual_rate():
    """150 new outsiders reached level 2 after 800 worthless reports by one old account."""
    assert level_of(LIVE, FRAUD, Plan(150, "under_1w", inflation=800)) == 1


def test_what_forty_accounts_staged_together_proves_nothing_and_two_staged_apart_are_too_few():
    """After a single staged message 40 old outsiders reached level 2 of fraud with each target."""
    assert level_of(LIVE, FRAUD, Plan(40, "over_1y", staged=1)) == 1
    assert level_of(LIVE, FRAUD, Plan(50, "under_1d", 1, staged=4)) == 1
    assert level_of(LIVE, FRAUD, Plan(50, "under_1d", 1, proven=2)) == 1


# --- 1b: an honest wave of 80


@pytest.mark.parametrize("people", [SIZES[0], *at_night(SIZES[1:])])
@pytest.mark.parametrize("attack", SILENCING)
def test_an_honest_wave_keeps_its_level(attack, people):
    """One account with 80 reports made it level 1, and so did 80 linked or new ones, and two borderline posts."""
    for seed in (1, 2):
        beside = wave_beside(LIVE, SILENCING[attack], seed=seed, wave=Wave(people))
        assert beside.level >= wave_alone("fraud", people) == 2


@pytest.mark.nightly
@pytest.mark.parametrize("attack", TEN_TIMES)
def test_nor_at_ten_times_the_price(attack):
    beside = wave_beside(LIVE, TEN_TIMES[attack])
    assert beside.level >= wave_alone("fraud", 80) == 2


@pytest.mark.parametrize(
    "attack", ["one new account, 80 reports", "two posts, deleted", "four posts, deleted"]
)
def test_deleted_posts_and_floods_of_one_account_leave_a_wave_its_voices(attack):
    """Two deleted posts left it 16 of 69 voices."""
    assert wave_beside(LIVE, SILENCING[attack], "fraud-voices").voices >= 80


# --- 1c: trust in an honest reporter


def test_posts_that_are_gone_cost_a_reporter_nothing():
    before, after = trust_after(LIVE, 8, "dismissed", 40, "not_found")
    assert (after.trust_class, after.factor) == ("high", pytest.approx(before.factor, rel=0.02))


@pytest.mark.parametrize(
    ("decision", "count"), [("dismissed", 6), ("dismissed", 40), ("manifestly_unfounded", 3)]
)
def test_one_reviewer_does_not_take_the_class_of_an_honest_reporter(decision, count):
    """Six dismissals took class high from somebody with eight upheld reports, one manifestly unfounded too."""
    before, after = trust_after(LIVE, 8, decision, count)
    assert before.trust_class == after.trust_class == "high"
    assert after.factor > 0.95 * before.factor


def test_posts_that_nobody_could_judge_cost_a_reporter_nothing():
    before, after = trust_after(LIVE, 8, "dismissed", 6, "not_substantiated")
    assert after.factor == pytest.approx(before.factor, rel=0.01)


# --- 1d: desks


def test_a_person_hears_of_an_account_that_reports_a_thousand_channels_and_a_genuine_report_stands_first():
    assert desk_flooded(LIVE, FLOODS["one new account, 1,000 channels"])[1:] == (1, 0)
    assert desk_flooded(LIVE, FLOODS["1,000 anonymous reports, as many channels"]).before_genuine == 0


def test_a_hundred_fakes_by_one_account_do_not_stand_before_a_genuine_report():
    """All hundred did: at 50 cases a day, two days."""
    assert desk_flooded(LIVE, FLOODS["one old account, 700 reports, 100 channels"]).before_genuine <= 10


# --- 1e: five targets


@pytest.mark.parametrize(
    "tactic",
    [
        *list(RETARGETING)[::3],
        *at_night(tactic for number, tactic in enumerate(RETARGETING) if number % 3 != 0),
    ],
)
@pytest.mark.slow
def test_no_target_of_a_brigade_reaches_level_2(tactic):
    """The share was 1.00 for brigades that named no message, had joined, or came again after 15 days."""
    plan = RETARGETING[tactic]
    assert retargeted(LIVE, plan, seeds=(1,)) == [0] * plan.targets
