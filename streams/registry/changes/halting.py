"""When a candidate that judges a share of channels is taken back: a test that may be looked at at any time.

Channels are drawn by a keyed hash, and each counts once. If the candidate escalated channels as often as the
rules in force do, each escalated channel would be one of the candidate's with the probability s, the share,
whatever came before it; if it escalated them r times as often, with the probability r s / (r s + 1 - s). So
the numbers of both sides are tested like those of a coin, with a mixture of likelihood ratios. Against every
coin within the band such a mixture is a supermartingale, which ever exceeds 1 / a with a probability of a at
most (J. Ville, Etude critique de la notion de collectif, 1939; H. Robbins, Statistical methods related to the
law of the iterated logarithm, Annals of Mathematical Statistics 41, 1970, section 1).
"""

from collections.abc import Collection, Mapping
from math import exp, log
from typing import Final, NamedTuple

from streams.registry.rules import Rules

# With twice or half as many episodes desks notice. Smaller differences are why rules are changed.
BAND: Final = 2.0

# Fewer decide nothing: so many are a morning's work of a desk.
LEAST_EPISODES: Final = 30

# How often a candidate within the band is halted all the same, for all policies and levels together.
FALSE_ALARM: Final = 0.001

# The ratios that are looked for, as multiples of the edge of the band.
_BEYOND: Final = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)

# The work of judging a report may double; what is more is a mistake in a file of policies.
MOST_WINDOWS: Final = 2.0

# In so many reports of either side the categories are mixed alike.
_LEAST_REPORTS: Final = 1_000

PolicyLevel = tuple[str, int]


class Sides(NamedTuple):
    """A number by the rules in force, and the same by the candidate."""

    in_force: int = 0
    candidate: int = 0


class TrialNumbers(NamedTuple):
    """What all partitions count of a trial: reports, windows looked at, episodes that reached a level.

    Of the episodes of a channel that reach the same level of a policy only the first one is counted.
    """

    share: int
    reports: Sides
    windows: Sides
    episodes: Mapping[PolicyLevel, Sides]


def compared_levels(in_force: Rules, candidate: Rules) -> frozenset[PolicyLevel]:
    """Return the levels of live policies that both have: what is new or gone is meant to differ."""
    return _live_levels(in_force) & _live_levels(candidate)


def _live_levels(rules: Rules) -> frozenset[PolicyLevel]:
    live = (policy for policy in rules.policies if policy.mode == "live")
    return frozenset((policy.id, level.level) for policy in live for level in policy.levels)


def why_to_halt(numbers: TrialNumbers, compared: Collection[PolicyLevel]) -> str | None:
    """Return why a candidate that judges a share of channels is to be taken back; None if it is not.

    `compared` are the levels that count. In shadow nothing is taken back.
    """
    if not numbers.share:
        return None
    for policy, level in sorted(compared):
        sides = numbers.episodes.get((policy, level), Sides())
        found = _outside(sides, numbers.share / 100, FALSE_ALARM / (2 * len(compared)))
        if found is not None:
            return (
                f"policy {policy}, level {level}: {sides.candidate} channels of {numbers.share} %, and "
                f"{sides.in_force} of the others; per channel {found} as many"
            )
    before, after = (
        windows / reports if reports >= _LEAST_REPORTS else 0.0
        for windows, reports in zip(numbers.windows, numbers.reports, strict=True)
    )
    if before and after > MOST_WINDOWS * before:
        return f"for a report policies look at {after:.1f} windows, and at {before:.1f} in the other channels"
    return None


def _outside(sides: Sides, share: float, alarm: float) -> str | None:
    """Return on which side of the band the candidate is, in words; None unless that is certain enough."""
    if sum(sides) < LEAST_EPISODES:
        return None
    if _evidence(sides.candidate, sides.in_force, share) > -log(alarm):
        return f"more than {BAND:g} times"
    if _evidence(sides.in_force, sides.candidate, 1.0 - share) > -log(alarm):
        return f"less than 1/{BAND:g}"
    return None


def _evidence(first: int, second: int, share: float) -> float:
    """Return the logarithm of the mixture that `first` side has more than BAND times as many per channel."""
    edge = _probability(BAND, share)
    ratios = []
    for beyond in _BEYOND:
        looked_for = _probability(BAND * beyond, share)
        ratios.append(first * log(looked_for / edge) + second * log((1.0 - looked_for) / (1.0 - edge)))
    largest = max(ratios)
    return largest + log(sum(exp(ratio - largest) for ratio in ratios) / len(ratios))


def _probability(ratio: float, share: float) -> float:
    """Return how probably an escalated channel is one of the share, if it has `ratio` times as many."""
    return ratio * share / (ratio * share + 1.0 - share)
