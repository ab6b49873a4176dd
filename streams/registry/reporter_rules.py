"""How outcomes become trust, and the limits per reporter; reporters.yaml gives reasons and sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streams.contract.events.moderation_outcome import OutcomeConfidence, OutcomeDecision


class BetaPrior(NamedTuple):
    """The parameters of a Beta distribution."""

    alpha: float
    beta: float


class ClassNeeds(NamedTuple):
    """What a class needs: the lower bound of trust, and so many upheld outcomes, fading as they age."""

    lower: float
    upheld: float


class MisuseNeeds(NamedTuple):
    """The number and share of manifestly unfounded reports from which a person looks at a reporter."""

    manifestly_unfounded: int
    share: float


class ReviewerLimits(NamedTuple):
    """How far one reviewer's decisions about a reporter count, in either direction.

    `share` is the most of all evidence that one reviewer alone decides, `alone` so many outcomes that count
    even if there is nothing else. `disputed` is the weight of an outcome that another reviewer decided
    otherwise.
    """

    share: float
    alone: float
    disputed: float

    @property
    def one_is_enough(self) -> bool:
        """Whether one person's word is taken for all of it: nobody is limited then."""
        return self.share >= 1


class StandingTerms(NamedTuple):
    """How long a warning of a reporter is in force, and how long a pause may be, in days."""

    warning_days: int
    longest_pause_days: int


class ProofNeeds(NamedTuple):
    """From when on upheld outcomes of whoever reported first count without confirmation.

    From so many different channels on; and for proof with so many days between the first and the last.
    """

    channels: int
    days: int


class DetectorRules(NamedTuple):
    """How parts of detectors and lists are judged, and when a source is held (deciding/reporters/watch.py).

    What is known of the source above a part is worth `borrowed` outcomes of its own. A band is
    `busiest_times` the busiest hour, at least `least_findings`, from `known_days` days with findings on.
    """

    borrowed: float
    busiest_times: float
    least_findings: int
    known_days: int
    outcomes_per_alarm: int
    calm_hours: int


@dataclass(frozen=True, slots=True)
class ReporterRules:
    """Trust and limits by kind of reporter. A limit of None means that there is none.

    `outcomes` is the weight of an outcome in the Beta distribution, `confidence` that of its reviewers.
    `receipts` are the kinds of reporters who are told that their report was received. Without `detectors` the
    parts of a detector or list are judged like the whole. `approval_days` are those for which a dismissal
    may hold for the version of a message that was judged.
    """

    priors: Mapping[str, BetaPrior]
    outcomes: Mapping[OutcomeDecision, float]
    confidence: Mapping[OutcomeConfidence, float]
    least_probability: float
    high: ClassNeeds
    medium: ClassNeeds
    category_needs: float
    measured_from: float
    reports_per_day: Mapping[str, int | None]
    channels_per_week: Mapping[str, int | None]
    receipts: frozenset[str]
    misuse: MisuseNeeds
    reviewers: ReviewerLimits
    standing: StandingTerms
    approval_days: int
    proof: ProofNeeds
    detectors: DetectorRules | None = None

    def percent(self, confidence: OutcomeConfidence, probability: float) -> int:
        """Return the weight of an outcome in per cent: confidence over the probability of review."""
        return self._percent(self.confidence[confidence], probability)

    def percent_if_disputed(self, probability: float) -> int:
        """Return the weight in per cent of an outcome that another reviewer decided otherwise."""
        return self._percent(self.reviewers.disputed, probability)

    def _percent(self, weight: float, probability: float) -> int:
        return round(100 * weight / max(probability, self.least_probability))
