"""The attacks that were found by hand, by name, and what each comes to: a figure of the two real stages."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.contract.events.report import AccountAge
from streams.deciding.reporters.trust import Trust
from streams.registry.rules import Rules
from tests.evaluate.adversary.battle import FIRST, Battle, Wave, highest, target_name
from tests.evaluate.adversary.plan import Plan
from tests.evaluate.stages import DAY, HOUR, MINUTE, SECOND, Decision, Stages

MOST = 300
"""Accounts of the largest crowd that is tried."""


class Policied(NamedTuple):
    """A shipped policy, and the category that the attack names."""

    policy: str
    category: str
    levels: int


FRAUD = Policied("fraud", "fraud", 3)
POLICIES = (
    Policied("child-safety", "csam", 3),
    Policied("intimate-images", "ncii", 3),
    Policied("threat-to-life", "threat_to_life", 3),
    Policied("terrorism", "terrorism", 3),
    Policied("persons-at-risk", "self_harm", 2),
    FRAUD,
    Policied("spam-flood", "spam", 2),
    Policied("harassment-brigade", "harassment", 2),
    Policied("hate", "hate", 2),
)

CROWDS: dict[str, Plan] = {
    "<1 day, outsider": Plan(MOST, "under_1d"),
    "<1 day, joined": Plan(MOST, "under_1d", joined=1),
    "<1 month, joined": Plan(MOST, "under_1m", joined=1),
    ">1 year, outsider": Plan(MOST, "over_1y"),
    ">1 year, joined": Plan(MOST, "over_1y", joined=1),
    "not told": Plan(MOST, None),
}


def accounts_needed(rules: Rules, one: Policied, plan: Plan) -> list[int | None]:
    """Return how many reports had been made when each level was reached, None for one that was not."""
    battle = Battle(plan, one.category, 1)
    stages = battle.play(rules)
    times = sorted(event.at for event in battle.events() if not event.decided)
    found: list[int | None] = []
    for level in range(1, one.levels + 1):
        at = [stages.reached(one.policy, target_name(0), level, mode) for mode in ("live", "shadow")]
        reached = min((each for each in at if each is not None), default=None)
        found.append(None if reached is None else sum(time <= reached for time in times))
    return found


def one_account(messages: str, age: AccountAge = "over_1y", reports: int = 100) -> Plan:
    """One account with many reports about a channel."""
    return Plan(1, age, 1, reports, messages)  # type: ignore[arg-type]


def level_of(rules: Rules, one: Policied, plan: Plan) -> int:
    """Return the highest level of a policy in the first target."""
    stages = Battle(plan, one.category, 1).play(rules)
    return highest(stages, one.policy, target_name(0))


class Silenced(NamedTuple):
    """The level that an honest wave reaches in a policy, its voices, and whether a brigade is suspected."""

    level: int
    voices: float
    suspected: bool


def wave_beside(
    rules: Rules, plan: Plan, policy: str = "fraud", seed: int = 1, wave: Wave = Wave()
) -> Silenced:
    """Return what an honest wave reaches beside an attack."""
    battle = Battle(plan, "fraud", seed, wave)
    stages = battle.play(rules)
    channel = target_name(0)
    level = highest(stages, policy, channel)
    return Silenced(
        level, battle.voices, any(case["channel_ref"] == channel for case in stages.cases("brigade"))
    )


SILENCING: dict[str, Plan] = {
    "one new account, 80 reports": Plan(1, "under_1d", 0, 80, "none", lead_min=60),
    "one new account, 200 reports": Plan(1, "under_1d", 0, 200, "none", lead_min=60),
    "80 new accounts": Plan(80, "under_1d", 0, 1, "none", lead_min=60),
    "80 accounts with two dismissed targets join": Plan(80, "under_1m", 0, 1, history=2),
    "30 accounts with two dismissed targets join": Plan(30, "under_1m", 0, 1, history=2),
    "two posts, deleted": Plan(bait=2),
    "four posts, deleted": Plan(bait=4),
    "two posts, not substantiated": Plan(bait=2, bait_reason="not_substantiated"),
    "two borderline posts, allowed": Plan(bait=2, bait_reason="not_a_violation"),
    "six borderline posts, allowed": Plan(bait=6, bait_reason="not_a_violation"),
    "50 new accounts have the question asked about them": Plan(50, "under_1d", 1, 1, "own", lead_min=60),
}


TEN_TIMES: dict[str, Plan] = {
    "one new account, 800 reports": Plan(1, "under_1d", 0, 800, "none", lead_min=60),
    "ten new accounts, 80 reports each": Plan(10, "under_1d", 0, 80, "none", lead_min=60),
    "800 new accounts": Plan(800, "under_1d", 0, 1, "none", lead_min=60),
    "210 accounts with two dismissed targets join": Plan(210, "under_1m", 0, 1, history=2),
    "twenty posts, deleted": Plan(bait=20),
    "twenty borderline posts, allowed": Plan(bait=20, bait_reason="not_a_violation"),
    "160 accounts that joined and have the question asked about them": Plan(
        160, "under_1d", 1, 1, "own", lead_min=60
    ),
}
"""Dearer attacks on an honest wave: at least ten times the cheapest that were found first (1.0)."""


def trust_after(
    rules: Rules,
    upheld: int,
    decision: Decision,
    count: int,
    reason: str | None = None,
) -> tuple[Trust, Trust]:
    """Return the trust in an honest reporter, upheld so often in different channels, before and after decisions
    about further messages.

    Reviewers of the upheld outcomes differ; those of the attack are one.
    """
    stages = Stages(rules)
    at = FIRST
    for number in range(upheld):
        at += DAY
        stages.report(at, f"seen{number}", "fraud", "honest", message="m", member=True, age="over_1y")
        for other in range(4):
            # Whoever is first has support, and so can be trusted.
            then = at + (other + 1) * MINUTE
            stages.report(then, f"seen{number}", "fraud", f"other{number}-{other}", message="m", member=True)
        stages.outcome(at + HOUR, "upheld", f"seen{number}", message="m", reviewer=f"desk-{number % 5 + 2}")
    before = stages.trust("honest")
    for number in range(count):
        at += HOUR
        stages.report(at, "bait", "fraud", "honest", message=f"b{number}", member=True, age="over_1y")
        stages.outcome(
            at + MINUTE,
            decision,
            "bait",
            message=f"b{number}",
            reason=reason,
            reviewer="desk-1",
        )
    return before, stages.trust("honest")


class Order(NamedTuple):
    """Cases that one attacker opened, cases that ask a person something about the attacker, and how many stand
    before a genuine report of the same category.
    """

    cases: int
    noticed: int
    before_genuine: int


def desk_flooded(rules: Rules, plan: Plan) -> Order:
    """Return what a desk sees of an attack on many channels at once, and of one genuine report by a member."""
    battle = Battle(plan, "csam", 1)
    stages = Stages(rules)
    for at, _, fields in sorted(
        (each for each in battle.events() if not each.decided), key=lambda each: each.at
    ):
        stages.report(at, **fields)
    at = stages.now + SECOND
    stages.report(at, "genuine", "csam", "witness", message="m", member=True, age="over_1y")
    stages.apply()
    newest = {event["escalation_id"]: event for event in stages.events["escalations"]}
    [genuine] = [event for event in newest.values() if event["channel_ref"] == "genuine"]
    fakes = [event for event in newest.values() if event["channel_ref"] != "genuine"]
    before = sum(event["priority"]["value"] >= genuine["priority"]["value"] for event in fakes)
    return Order(len(fakes), len(stages.cases()), before)


FLOODS: dict[str, Plan] = {
    "one new account, 1,000 channels": Plan(1, "under_1d", 0, 1, targets=1_000, every_h=0),
    "1,000 anonymous reports, as many channels": Plan(anonymous=1, targets=1_000, every_h=0),
    "one old account, 700 reports, 100 channels": Plan(1, "over_1y", 1, 7, "own", targets=100, every_h=0),
}


def retargeted(rules: Rules, plan: Plan, seeds: Sequence[int] = (1, 2, 3)) -> list[float]:
    """Return for each target the share of seeds in which it reached level 2."""
    found = [0] * plan.targets
    for seed in seeds:
        stages = Battle(plan, "fraud", seed).play(rules)
        for target in range(plan.targets):
            found[target] += stages.highest("fraud", target_name(target)) >= 2
    return [number / len(seeds) for number in found]


RETARGETING: dict[str, Plan] = {
    "plain, old outsiders": Plan(60, "over_1y", targets=5),
    "fixed cells of 4 on own messages": Plan(60, "over_1y", targets=5, cell=4),
    "cells of 4, shuffled": Plan(60, "over_1y", targets=5, cell=4, shuffled=True),
    "each account another message": Plan(60, "over_1y", messages="own", targets=5),
    "no message_ref": Plan(60, "over_1y", messages="none", targets=5),
    "old accounts that joined, weekly": Plan(40, "over_1y", 1, targets=5),
    "the same, every 12 h": Plan(40, "over_1y", 1, targets=5, every_h=12),
    "a target every 15 days": Plan(60, "over_1y", targets=4, every_h=360),
    "four lone reports per target": Plan(60, "over_1y", targets=5, lone=4),
    "two right reports first": Plan(60, "over_1y", targets=5, staged=2),
    "publisher omits member and age": Plan(40, None, targets=5),
    "<1 day, joined, all new each time": Plan(60, "under_1d", 1, targets=5, fresh=True),
    "<1 week outsiders, all new; after 800 reports by one more": Plan(
        150, "under_1w", targets=5, fresh=True, inflation=800
    ),
}
