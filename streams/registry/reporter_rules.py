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


class ProofNeeds(NamedTuple):
    """From when on upheld outcomes of whoever reported first count without confirmation.

    From so many different channels on; and for proof with so many days between the first and the last.
    """

    channels: int
    days: int


@dataclass(frozen=True, slots=True)
class ReporterRules:
    """Trust and limits by kind of reporter. A limit of None means that there is none.

    `outcomes` is the weight of an outcome in the Beta distribution, `confidence` that of its reviewers.
    `receipts` are the kinds of reporters who are told that their report was received.
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
    proof: ProofNeeds

    def percent(self, confidence: OutcomeConfidence, probability: float) -> int:
        """Return the weight of an outcome in per cent: confidence over the probability of review."""
        return round(100 * self.confidence[confidence] / max(probability, self.least_probability))
