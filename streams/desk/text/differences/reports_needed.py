"""How many reports reach a level of a policy, by who sends them: what thresholds and weights mean together.

It asks the policy's own conditions about windows that have nothing but such reports, each by another
reporter. Nothing is held back: neither by signs of coordinated reporting, nor by a question to a desk.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.contract.events.report import Category
from streams.counting.sums import WindowCounts
from streams.deciding.reports.risk import Cohort, RiskModel
from streams.registry.policy import Level
from streams.registry.rules import Rules

# A level that takes more reports of one kind is not reached by them in practice.
MOST_REPORTS: Final = 10_000


class Senders(NamedTuple):
    """Reporters of one kind. `anonymous`: nothing tells them apart, so that together they weigh like one."""

    words: str
    cohort: Cohort
    anonymous: bool = False


def _senders(category: Category) -> tuple[Senders, ...]:
    return (
        Senders("anonymous people", (category, "anonymous", None, None), anonymous=True),
        Senders("people of whom nothing is known", (category, "user", None, None)),
        Senders("members with an old account", (category, "user", True, "over_1y")),
        Senders("trusted flaggers", (category, "trusted_flagger", None, None)),
        Senders("findings of detectors", (category, "automated", None, None)),
    )


class Needed(NamedTuple):
    """Reports of one kind of sender that reach a level, under the old and the new rules.

    None if they never do alone, or if there is no such level. `level` is (number, name).
    """

    policy: str
    level: tuple[int, str]
    category: Category
    senders: str
    old: int | None
    new: int | None


def changed_needs(old: Rules, new: Rules) -> tuple[Needed, ...]:
    """List what differs, in the order of the new rules, then what is gone; `off` policies reach nothing."""
    before, after = dict(_needs(old)), dict(_needs(new))
    return tuple(
        Needed(*key, before.get(key), after.get(key))
        for key in dict.fromkeys((*after, *before))
        if before.get(key) != after.get(key)
    )


_Key = tuple[str, tuple[int, str], Category, str]


def _needs(rules: Rules) -> Iterator[tuple[_Key, int | None]]:
    model = RiskModel(rules)
    for policy in rules.policies:
        if policy.mode == "off":
            continue
        for level in policy.levels:
            for category in policy.categories:
                for senders in _senders(category):
                    risk = model.millionths(model.cohorts[senders.cohort][2])
                    key = (policy.id, (level.level, level.name), category, senders.words)
                    yield key, _least(level, senders, risk)


def _least(level: Level, senders: Senders, risk: int) -> int | None:
    """The smallest number of reports that reaches a level."""
    # With a limit, such as `reports < 50`, more reports may reach what fewer do not and the other way round.
    if any(condition.has_limit for condition in (*level.when, *level.any_of)):
        return next((n for n in range(1, MOST_REPORTS + 1) if level.holds(_window(senders, risk, n))), None)
    if not level.holds(_window(senders, risk, MOST_REPORTS)):
        return None
    low, high = 0, MOST_REPORTS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if level.holds(_window(senders, risk, middle)) else (middle, high)
    return high


def _window(senders: Senders, risk: int, reports: int) -> WindowCounts:
    kind = senders.cohort[1]
    return WindowCounts(
        reports=reports,
        risk=risk if senders.anonymous else reports * risk,
        trusted_flaggers=reports if kind == "trusted_flagger" else 0,
        automated=reports if kind == "automated" else 0,
        anonymous=reports if senders.anonymous else 0,
        without_ref=reports if senders.anonymous else 0,
        distinct_reporters=0 if senders.anonymous else reports,
    )
