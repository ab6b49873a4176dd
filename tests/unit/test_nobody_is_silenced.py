"""With integrity live nothing that others send takes a level from an honest wave of eighty.

Each attack is played at ten times the price at which it worked before; the names say what it did then.
"""

from collections.abc import Callable
from random import Random

import pytest

from tests.evaluate.stages import DAY, HOUR, MINUTE, SECOND, START, Stages, shipped

WAVE = START + 20 * DAY
SIZE = 80
NEW = {"member": False, "age": "under_1d"}
OLD = {"member": False, "age": "over_1y"}


def wave(stages: Stages, seed: int) -> None:
    """Eighty people within an hour, three quarters of them members, most accounts old."""
    random = Random(seed)
    for number in range(SIZE):
        member, age = random.random() < 0.75, random.choice(["under_1y", "over_1y", "over_1y", "under_1m"])
        at = WAVE + number * 45 * SECOND
        stages.report(at, "c", "fraud", f"h{number}", message="m", member=member, age=age)


def one_new_account(stages: Stages) -> None:
    """Eighty reports by one new account silenced the wave."""
    for number in range(10 * SIZE):
        stages.report(WAVE - 20 * MINUTE + number * SECOND, "c", "spam", "noise", message="m", **NEW)


def new_accounts(stages: Stages) -> None:
    """Eighty new accounts, one report each, silenced the wave."""
    for number in range(10 * SIZE):
        stages.report(WAVE - 20 * MINUTE + number * SECOND, "c", "fraud", f"n{number}", message="m", **NEW)


def linked_accounts(stages: Stages) -> None:
    """Eighty accounts that had reported the same dismissed messages before silenced the wave by joining it."""
    accounts = [f"b{number}" for number in range(10 * SIZE)]
    for target in range(2):
        at = WAVE - (6 - target) * DAY
        for number, account in enumerate(accounts):
            stages.report(at + number * SECOND, f"t{target}", "fraud", account, message="m", **OLD)
        stages.outcome(at + 8 * HOUR, "dismissed", f"t{target}", message="m")
    for number, account in enumerate(accounts):
        stages.report(WAVE - 20 * MINUTE + number * SECOND, "c", "fraud", account, message="m", **OLD)


def bait(reason: str) -> Callable[[Stages], None]:
    """The owner posts violations, and deletes or edits each before the review: four silenced the wave."""

    def posts(stages: Stages) -> None:
        random = Random(7)
        for post in range(8):
            at = WAVE - (12 - post) * DAY
            for place, number in enumerate(random.sample(range(SIZE), 60)):
                stages.report(
                    at + place * SECOND,
                    "c",
                    "fraud",
                    f"h{number}",
                    message=f"b{post}",
                    member=True,
                    age="over_1y",
                )
            stages.outcome(
                at + HOUR, "dismissed", "c", message=f"b{post}", reason=reason, confidence="two_agree"
            )

    return posts


ATTACKS: dict[str, Callable[[Stages], None]] = {
    "one new account": one_new_account,
    "new accounts": new_accounts,
    "linked accounts": linked_accounts,
    "posts deleted before the review": bait("not_found"),
    "posts made unclear before the review": bait("not_substantiated"),
}


def level_of(stages: Stages) -> int:
    """The highest level of `fraud` since the wave began."""
    stages.apply()
    reached = [each for each in stages.levels["fraud", "live", "c"] if each.at >= WAVE]
    return max((each.level for each in reached), default=0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_honest_wave_keeps_its_level(attack: str, seed: int) -> None:
    alone = Stages(shipped(integrity="live", ask="shadow"))
    wave(alone, seed)
    attacked = Stages(shipped(integrity="live", ask="shadow"))
    ATTACKS[attack](attacked)
    wave(attacked, seed)
    assert level_of(attacked) >= level_of(alone) == 2


@pytest.mark.parametrize("seed", range(2))
def test_a_policy_with_voices_keeps_its_level_when_linked_accounts_join(seed: int) -> None:
    """Thirty joiners left 12 voices of 80."""
    stages = Stages(shipped(integrity="live", ask="shadow", modes={"fraud-voices": "live"}))
    linked_accounts(stages)
    wave(stages, seed)
    assert stages.voices("fraud", "c") >= SIZE
    assert stages.highest("fraud-voices", "c") >= 2
