"""The outcomes of one reporter, halved every 90 days, in whole numbers that can be taken back exactly.

An outcome of day d adds its weight times 2^(d / 90) to a sum, instead of making all earlier ones smaller
(forward decay; Cormode et al., ICDE 2009). So a sum does not depend on the order of outcomes, and subtracting
what was added leaves no trace. The growth is split: whole periods of 90 days have sums of their own, and
within a period the factor is a whole number between 1,024 and 2,048. The four newest periods are kept apart,
so every outcome of the last 270 days can be taken back exactly; what is older is added up and halved from
period to period.
"""

from typing import Final, NamedTuple

from streams.contract.events.moderation_outcome import OutcomeDecision

PERIOD_DAYS: Final = 90
# An outcome may be superseded for 180 days (counting/attribution.py): it then is at most two periods old. One
# more is for records that wait in a topic.
PERIODS: Final = 4

_ONE = 1_024
_GROWTH: Final = tuple(round(_ONE * 2 ** (day / PERIOD_DAYS)) for day in range(PERIOD_DAYS))

# The order is part of the state: append only.
VERDICTS: Final[tuple[OutcomeDecision, ...]] = ("upheld", "dismissed", "manifestly_unfounded")
_VERDICT_INDEX: Final = {verdict: index for index, verdict in enumerate(VERDICTS)}
_OLDER: Final = PERIODS

# Sums by code: the category's code, verdict and period in one number; period PERIODS is everything older.
# Zeros are left out.
Sums = dict[int, int]


class Outcomes(NamedTuple):
    """Numbers of outcomes, fading, each times its confidence over its probability of review."""

    upheld: float
    dismissed: float
    manifestly_unfounded: float

    @property
    def all(self) -> float:
        """The number of outcomes."""
        return self.upheld + self.dismissed + self.manifestly_unfounded


def code_of(category: int, verdict: OutcomeDecision) -> int:
    """Return the first of the codes of the sums of a category, by its code, and verdict."""
    return (category * len(VERDICTS) + _VERDICT_INDEX[verdict]) << 3


def category_and_verdict(code: int) -> tuple[int, OutcomeDecision]:
    """Return what a code counts: the inverse of `code_of`, whatever the period."""
    category, verdict = divmod(code >> 3, len(VERDICTS))
    return category, VERDICTS[verdict]


def move_on(sums: Sums, before: int, period: int) -> Sums:
    """Return the sums as of `period` (days since the epoch // 90), which were as of the period `before`."""
    # After 64 halvings nothing is left of any sum.
    for _ in range(min(period - before, 64 + PERIODS) if sums else 0):
        moved: Sums = {}
        for code, value in sums.items():
            age = code & 7
            if age < PERIODS - 1:
                moved[code + 1] = value
            else:
                # The oldest period joins what is older, which is as of that period once it was halved.
                key = code & ~7 | _OLDER
                moved[key] = moved.get(key, 0) + (value >> 1 if age == _OLDER else value)
        sums = {code: value for code, value in moved.items() if value}
    return sums


def move_back(sums: Sums, before: int, period: int) -> Sums:
    """Return the sums as of `period`, to which time was set back from the later period `before`.

    What had become too old to be kept apart meanwhile stays so, and what was decided later counts as of
    `period`.
    """
    passed = before - period
    moved: Sums = {}
    for code, value in sums.items():
        age = code & 7
        key = code if age == _OLDER else code & ~7 | max(age - passed, 0)
        moved[key] = moved.get(key, 0) + value
    return {code: value for code, value in moved.items() if value}


def include(sums: Sums, others: Sums) -> None:
    """Add other sums as of the same period."""
    for code, value in others.items():
        # The sum of both is 0 if what came from there had been taken back here before.
        total = sums.pop(code, 0) + value
        if total:
            sums[code] = total


def change(sums: Sums, period: int, code: int, day: int, percent: int) -> bool:
    """Add an outcome of `day` (epoch days) to sums as of `period`; take it back if `percent` is negative.

    Returns False, and changes nothing, if it is older than the periods that are kept apart.
    """
    age = period - day // PERIOD_DAYS
    if not 0 <= age < PERIODS:
        return False
    key = code | age
    value = sums.get(key, 0) + percent * _GROWTH[day % PERIOD_DAYS]
    if value:
        sums[key] = value
    else:
        sums.pop(key, None)
    return True


def totals(sums: Sums, period: int, day: int, category: int | None = None) -> Outcomes:
    """Return the outcomes as they count on `day`, of one category (by its code) or of all.

    `sums` are as of `period`.
    """
    found = [0, 0, 0]
    for code, value in sums.items():
        counted, verdict = divmod(code >> 3, len(VERDICTS))
        if category is None or counted == category:
            found[verdict] += value << (PERIODS - (code & 7))
    # After a change of the key an outcome may be taken back here before it has come from the home of the
    # earlier hash.
    scale = scale_of(period, day)
    upheld, dismissed, unfounded = (max(number, 0) / scale for number in found)
    return Outcomes(upheld, dismissed, unfounded)


def scale_of(period: int, day: int) -> int:
    """Return what one outcome of `day` is in sums as of `period`, each shifted as far as its age allows."""
    day = max(day, period * PERIOD_DAYS)
    # Weights are in per cent.
    return 100 * _GROWTH[day % PERIOD_DAYS] << (PERIODS + day // PERIOD_DAYS - period)
