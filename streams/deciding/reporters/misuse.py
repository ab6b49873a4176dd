"""Is reporting misused? The facts that Regulation (EU) 2022/2065, article 23(3), asks a person to weigh.

How many outcomes a reporter had in the last two periods of 90 days, in whole numbers that do not fade and are
not weighed: absolute numbers within a time frame (a), their share of all decided reports (b), and the
categories concerned (c). Whether they were meant to harm (d) no counter knows. Nothing follows from it by
itself: a person decides, after a warning.
"""

from typing import Final, NamedTuple

from streams.deciding.reporters.tally import PERIOD_DAYS, category_and_verdict
from streams.registry.reporter_rules import MisuseNeeds

# The current and the previous period: 90 to 180 days. An outcome can be superseded for 180 days, so hardly
# any number is of decisions that no longer hold.
PERIODS_COUNTED: Final = 2

# Outcomes by code (tally.code_of) and age in periods. Zeros are left out.
Numbers = dict[int, int]


class Misuse(NamedTuple):
    """The numbers of outcomes since `since_day` (days since the epoch).

    `decided` counts all, `unfounded` the manifestly unfounded ones by category (its code).
    """

    since_day: int
    decided: int
    unfounded: tuple[tuple[int, int], ...]

    @property
    def manifestly_unfounded(self) -> int:
        """The number of manifestly unfounded reports."""
        return sum(number for _, number in self.unfounded)


def note(numbers: Numbers, period: int, code: int, day: int, sign: int) -> None:
    """Count an outcome of `day`, or take it back (`sign` -1), as of `period`; ignore one that is too old."""
    age = period - day // PERIOD_DAYS
    if not 0 <= age < PERIODS_COUNTED:
        return
    number = numbers.get(code | age, 0) + sign
    if number:
        numbers[code | age] = number
    else:
        del numbers[code | age]


def keep_recent(numbers: Numbers, before: int, period: int) -> Numbers:
    """Return the numbers as of `period`, which were as of the period `before`; what is older is left out.

    If time was set back, what was counted later is left out too.
    """
    passed = period - before
    return {
        code + passed: number
        for code, number in numbers.items()
        if 0 <= (code & 7) + passed < PERIODS_COUNTED
    }


def first_day(period: int) -> int:
    """Return the first day (since the epoch) of the periods that are counted in `period`."""
    return (period - PERIODS_COUNTED + 1) * PERIOD_DAYS


def find_misuse(needs: MisuseNeeds, numbers: Numbers, period: int) -> Misuse | None:
    """Return the factors if they are such that a person should weigh them."""
    decided = 0
    unfounded: dict[int, int] = {}
    for code, number in numbers.items():
        category, verdict = category_and_verdict(code)
        decided += number
        if verdict == "manifestly_unfounded":
            unfounded[category] = unfounded.get(category, 0) + number
    wrong = sum(unfounded.values())
    if wrong < needs.manifestly_unfounded or wrong < needs.share * decided:
        return None
    return Misuse(first_day(period), decided, tuple(unfounded.items()))
