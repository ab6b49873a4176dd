"""How far a reporter is trusted: the Beta distribution of their outcomes, its lower bound, and a class."""

import math
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.report import ReporterKind
from streams.deciding.reporters.reviewers import limited
from streams.deciding.reporters.tally import Outcomes, Sums, totals
from streams.registry.reporter_rules import BetaPrior, ReporterRules

Basis = Literal["category", "reporter", "kind"]

_DIGITS: Final = 6

# Only sources that the platform vouches for may use these kinds (sources.yaml): nobody stages reports there.
_VOUCHED_FOR: Final[frozenset[ReporterKind]] = frozenset({"automated", "trusted_flagger"})

# As much as one outcome on which two people agree, or two outcomes that one person each decided: below, a
# single scam that was staged in an own channel would vouch for all who reported it. From two on, a third more
# honest people are linked (docs/trust-measured.md).
_VOUCHED_FROM: Final = 1.0


class Trust(NamedTuple):
    """What is known of a reporter.

    `basis` says from what: outcomes in the category, of all categories, or the kind alone. `lower` is the
    mean less one standard deviation, at least 0. `outcomes` is their number, faded ones counted less.
    `factor`: the weight of a report is that of a reporter of this kind without outcomes, times this.
    `vouched`: the reporter was upheld more often than is usual of the kind, whatever supports it. It raises
    no weight: who is vouched for needs more evidence to be linked to others.
    """

    mean: float
    lower: float
    outcomes: float
    trust_class: TrustClass
    basis: Basis
    factor: float
    vouched: bool = False


class KnownOutcomes(NamedTuple):
    """The outcomes of a reporter as of `period` (tally.py), and those that one reviewer alone decided.

    `unsupported` are those that were upheld and that nothing supports. `earned`: some that was upheld was
    confirmed, or as good as that (proof.py); without it none counts.
    """

    sums: Sums
    by_reviewer: Sums
    period: int
    unsupported: Sums
    earned: bool

    def totals(self, rules: ReporterRules, kind: ReporterKind, day: int, category: int | None) -> Outcomes:
        """Return the outcomes as they count on `day`, of one category (by its code) or of all."""
        return self.counted(rules, kind, day, category, totals(self.sums, self.period, day))

    def counted(
        self, rules: ReporterRules, kind: ReporterKind, day: int, category: int | None, everything: Outcomes
    ) -> Outcomes:
        """Return the same, given `everything`: the outcomes of all categories before any limit."""
        known = everything if category is None else totals(self.sums, self.period, day, category)
        if kind == "automated":
            # What is measured is how often a detector is right. Few people look at its findings, often one.
            return known
        return limited(rules.reviewers, known, everything, self.by_reviewer, self.period, day)

    def supported(self, kind: ReporterKind, known: Outcomes, day: int, category: int | None) -> float:
        """Return how many of the upheld outcomes among `known`, the result of `totals`, count for trust."""
        if kind in _VOUCHED_FOR:
            return known.upheld
        if not self.earned:
            return 0.0
        if not self.unsupported:
            return known.upheld
        return max(known.upheld - totals(self.unsupported, self.period, day, category).upheld, 0.0)


def trust_of(
    rules: ReporterRules, kind: ReporterKind, outcomes: KnownOutcomes, day: int, category: int
) -> Trust:
    """Return the trust in a reporter's reports about a category (its code) on `day` (since the epoch)."""
    if not outcomes.sums:
        # Of most reporters no outcome is known.
        return untried(rules.priors[kind])
    everything = totals(outcomes.sums, outcomes.period, day)
    known = outcomes.counted(rules, kind, day, None, everything)
    vouched = _is_vouched(rules, kind, known)
    if everything.all >= rules.category_needs:
        own = outcomes.counted(rules, kind, day, category, everything)
        if own.all >= rules.category_needs:
            supported = outcomes.supported(kind, own, day, category)
            return _trust(rules, kind, own, supported, "category", vouched=vouched)
    return _trust(rules, kind, known, outcomes.supported(kind, known, day, None), "reporter", vouched=vouched)


def trust_over_all(rules: ReporterRules, kind: ReporterKind, outcomes: KnownOutcomes, day: int) -> Trust:
    """Return the trust for categories with few outcomes: it comes from those of all categories."""
    if not outcomes.sums:
        return untried(rules.priors[kind])
    known = outcomes.totals(rules, kind, day, None)
    vouched = _is_vouched(rules, kind, known)
    return _trust(rules, kind, known, outcomes.supported(kind, known, day, None), "reporter", vouched=vouched)


def trust_of_part(
    rules: ReporterRules, above: Trust, sums: Sums, period: int, day: int, category: int
) -> Trust:
    """Return the trust in a narrower source, such as a new version, of one that is trusted as `above`.

    It is that of the source above as long as that one is not measured. Then it starts there, worth
    `borrowed` outcomes: so a new version is neither unknown nor keeps for long what it did not earn. Its
    class is `low` until its own findings were upheld. The other arguments are as in `trust_of`.
    """
    detectors = rules.detectors
    if detectors is None or above.outcomes < rules.measured_from:
        return above
    known = totals(sums, period, day, category)
    if known.all < rules.category_needs:
        known = totals(sums, period, day)
    alpha = detectors.borrowed * above.mean + known.upheld
    beta = detectors.borrowed * (1 - above.mean) + known.dismissed + known.manifestly_unfounded
    mean, lower = _mean_and_lower(alpha, beta)
    trust_class = _class(rules, lower, known.upheld)
    return _rounded(rules.priors["automated"], mean, lower, known, trust_class, above.basis)


def _is_vouched(rules: ReporterRules, kind: ReporterKind, known: Outcomes) -> bool:
    """Return whether somebody with these outcomes, of all categories, is vouched for."""
    prior, weights = rules.priors[kind], rules.outcomes
    right = weights["upheld"] * known.upheld
    wrong = (
        weights["dismissed"] * known.dismissed + weights["manifestly_unfounded"] * known.manifestly_unfounded
    )
    return known.upheld >= _VOUCHED_FROM and right / prior.alpha > wrong / prior.beta


def _trust(
    rules: ReporterRules,
    kind: ReporterKind,
    known: Outcomes,
    supported: float,
    basis: Basis,
    *,
    vouched: bool,
) -> Trust:
    prior = rules.priors[kind]
    alpha, beta = prior
    makes_up = 0.0
    if kind == "automated" and known.all >= rules.measured_from:
        # A uniform prior: the mean is the precision that was measured.
        alpha, beta = 1 + known.upheld, 1 + known.dismissed + known.manifestly_unfounded
    else:
        weights = rules.outcomes
        alpha += weights["upheld"] * supported
        makes_up = weights["upheld"] * (known.upheld - supported)
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
    trust_class = _class(rules, lower, supported)
    return _rounded(prior, mean, lower, known, trust_class, basis, vouched=vouched)


def _rounded(
    prior: BetaPrior,
    mean: float,
    lower: float,
    known: Outcomes,
    trust_class: TrustClass,
    basis: Basis,
    *,
    vouched: bool = False,
) -> Trust:
    # A weight is meant for a reporter with the mean of the prior.
    factor = mean * (prior.alpha + prior.beta) / prior.alpha
    return Trust(
        round(mean, _DIGITS),
        round(lower, _DIGITS),
        round(known.all, _DIGITS),
        trust_class,
        basis,
        round(factor, _DIGITS),
        vouched,
    )


# One for each kind of reporter.
@lru_cache(maxsize=64)
def untried(prior: BetaPrior) -> Trust:
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
