"""How far a reporter is trusted: the Beta distribution of their outcomes, its lower bound, and a class."""

import math
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.report import ReporterKind
from streams.deciding.reporters.tally import Outcomes, Sums, totals
from streams.registry.reporter_rules import BetaPrior, ReporterRules

Basis = Literal["category", "reporter", "kind"]

_DIGITS: Final = 6

# Only sources that the platform vouches for may use these kinds (sources.yaml): nobody stages reports there.
_VOUCHED_FOR: Final[frozenset[ReporterKind]] = frozenset({"automated", "trusted_flagger"})


class Trust(NamedTuple):
    """What is known of a reporter.

    `basis` says from what: outcomes in the category, of all categories, or the kind alone. `lower` is the
    mean less one standard deviation, at least 0. `outcomes` is their number, faded ones counted less.
    `factor`: the weight of a report is that of a reporter of this kind without outcomes, times this.
    """

    mean: float
    lower: float
    outcomes: float
    trust_class: TrustClass
    basis: Basis
    factor: float


class Known(NamedTuple):
    """The outcomes of a reporter as of `period` (see tally.py): all, and those upheld without support.

    `earned`: some upheld outcome was confirmed, or as good as that (proof.py). Without it none counts.
    """

    period: int
    sums: Sums
    unsupported: Sums
    earned: bool


def trust_of(rules: ReporterRules, kind: ReporterKind, known: Known, day: int, category: int) -> Trust:
    """Return the trust in a reporter's reports about a category (its code) on `day` (since the epoch)."""
    if not known.sums:
        # Of most reporters no outcome is known.
        return _untried(rules.priors[kind])
    own = totals(known.sums, known.period, day, category)
    if own.all >= rules.category_needs:
        return _trust(rules, kind, own, _counted(kind, known, own, day, category), "category")
    return trust_over_all(rules, kind, known, day)


def trust_over_all(rules: ReporterRules, kind: ReporterKind, known: Known, day: int) -> Trust:
    """Return the trust for categories with few outcomes: it comes from those of all categories."""
    if not known.sums:
        return _untried(rules.priors[kind])
    found = totals(known.sums, known.period, day)
    return _trust(rules, kind, found, _counted(kind, known, found, day, None), "reporter")


def _counted(kind: ReporterKind, known: Known, found: Outcomes, day: int, category: int | None) -> float:
    """Return how many of the upheld outcomes count above what is expected of the kind: those with support."""
    if kind in _VOUCHED_FOR:
        return found.upheld
    if not known.earned:
        return 0.0
    if not known.unsupported:
        return found.upheld
    return max(found.upheld - totals(known.unsupported, known.period, day, category).upheld, 0.0)


def _trust(rules: ReporterRules, kind: ReporterKind, known: Outcomes, upheld: float, basis: Basis) -> Trust:
    prior = rules.priors[kind]
    alpha, beta = prior
    makes_up = 0.0
    if kind == "automated" and known.all >= rules.measured_from:
        # A uniform prior: the mean is the precision that was measured.
        alpha, beta = 1 + known.upheld, 1 + known.dismissed + known.manifestly_unfounded
    else:
        weights = rules.outcomes
        alpha += weights["upheld"] * upheld
        makes_up = weights["upheld"] * (known.upheld - upheld)
        beta += (
            weights["dismissed"] * known.dismissed
            + weights["manifestly_unfounded"] * known.manifestly_unfounded
        )
    mean, lower = _mean_and_lower(alpha, beta)
    if makes_up:
        # What does not count makes up for dismissals, and for no more: it may be staged, and mostly is not.
        full, expected = _mean_and_lower(alpha + makes_up, beta), _mean_and_lower(*prior)
        mean = max(mean, min(full[0], expected[0]))
        lower = max(lower, min(full[1], expected[1]))
    return Trust(
        round(mean, _DIGITS),
        round(lower, _DIGITS),
        round(known.all, _DIGITS),
        _class(rules, lower, upheld),
        basis,
        round(mean * (prior.alpha + prior.beta) / prior.alpha, _DIGITS),
    )


# One for each kind of reporter.
@lru_cache(maxsize=64)
def _untried(prior: BetaPrior) -> Trust:
    """Return the trust in a reporter without outcomes. Its class is `low`: the others need upheld reports."""
    mean, lower = _mean_and_lower(*prior)
    return Trust(round(mean, _DIGITS), round(lower, _DIGITS), 0.0, "low", "kind", 1.0)


def _mean_and_lower(alpha: float, beta: float) -> tuple[float, float]:
    total = alpha + beta
    mean = alpha / total
    # Products, quotients and square roots are rounded alike on every IEEE 754 machine.
    return mean, max(0.0, mean - math.sqrt(alpha * beta / (total * total * (total + 1))))


def _class(rules: ReporterRules, lower: float, upheld: float) -> TrustClass:
    if lower >= rules.high.lower and upheld >= rules.high.upheld:
        return "high"
    if lower >= rules.medium.lower and upheld >= rules.medium.upheld:
        return "medium"
    return "low"
