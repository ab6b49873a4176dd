"""Builds the rules of trust from reporters.yaml."""

from typing import Final, get_args

from streams.contract.events.moderation_outcome import OutcomeConfidence, OutcomeDecision
from streams.contract.events.report import REPORTER_KINDS
from streams.registry.reading.document import Document, FieldPath
from streams.registry.reporter_rules import (
    BetaPrior,
    ClassNeeds,
    DetectorRules,
    MisuseNeeds,
    ProofNeeds,
    ReporterRules,
    ReviewerLimits,
    StandingTerms,
)
from streams.registry.shapes.reporters import ReportersFile
from streams.registry.shapes.rules import BetaRow

_HIGHEST_MEAN: Final = 0.99
# As in the shipped file, which argues the numbers: files of earlier versions have no such rows.
_STANDING: Final = StandingTerms(warning_days=180, longest_pause_days=180)
_APPROVAL_DAYS: Final = 30
_PROOF: Final = ProofNeeds(channels=2, days=7)


def build_reporters(document: Document, file: ReportersFile) -> ReporterRules:
    """Build the rules.

    Raises RegistryError if a row is missing, if being upheld is not worth more than nothing known, if
    `medium` needs more than `high`, if a disputed outcome weighs more than another, or if a state actor has
    another prior, or a higher limit, than a user.
    """
    for name, by_kind in (
        ("priors", file.priors.values),
        ("reports_per_day", file.reports_per_day.values),
        ("channels_per_week", file.channels_per_week.values),
        ("receipts", file.receipts.values),
    ):
        document.require((name, "values"), by_kind, REPORTER_KINDS)
    document.require(("outcomes", "values"), file.outcomes.values, get_args(OutcomeDecision))
    document.require(("confidence", "values"), file.confidence.values, get_args(OutcomeConfidence))
    document.require(("classes", "values"), file.classes.values, ("high", "medium"))
    for kind, beta in file.priors.values.items():
        if _mean(beta) > _HIGHEST_MEAN:
            document.refuse(
                ("priors", "values", kind),
                f"must have a mean of at most {_HIGHEST_MEAN}: no outcome could lower it otherwise",
            )
    weights = file.outcomes.values
    if weights["manifestly_unfounded"] < weights["dismissed"]:
        document.refuse(
            ("outcomes", "values", "manifestly_unfounded"),
            f"must be at least {weights['dismissed']:g}, the weight of a dismissal",
        )
    high, medium = file.classes.values["high"], file.classes.values["medium"]
    if medium.lower > high.lower or medium.upheld > high.upheld:
        document.refuse(("classes", "values", "medium"), "must not need more than `high`")
    _require_no_privilege_for_states(document, file)
    return ReporterRules(
        priors={kind: BetaPrior(row.alpha, row.beta) for kind, row in file.priors.values.items()},
        outcomes=weights,
        confidence=file.confidence.values,
        least_probability=file.review.values.least_probability,
        high=ClassNeeds(high.lower, high.upheld),
        medium=ClassNeeds(medium.lower, medium.upheld),
        category_needs=file.category_needs.value,
        measured_from=file.measured_from.value,
        reports_per_day={str(kind): limit for kind, limit in file.reports_per_day.values.items()},
        channels_per_week={str(kind): limit for kind, limit in file.channels_per_week.values.items()},
        receipts=frozenset(str(kind) for kind, told in file.receipts.values.items() if told),
        misuse=MisuseNeeds(file.misuse.values.manifestly_unfounded, file.misuse.values.share),
        reviewers=_reviewer_limits(document, file),
        detectors=None if file.detectors is None else DetectorRules(**file.detectors.values.model_dump()),
        standing=_STANDING if file.standing is None else StandingTerms(**file.standing.values.model_dump()),
        proof=_PROOF if file.proof is None else ProofNeeds(**file.proof.values.model_dump()),
        approval_days=_APPROVAL_DAYS if file.approval is None else file.approval.values.days,
    )


def _reviewer_limits(document: Document, file: ReportersFile) -> ReviewerLimits:
    weight = file.confidence.values["one_reviewer"]
    if file.reviewers is None:
        return ReviewerLimits(share=1, alone=1, disputed=weight)
    values = file.reviewers.values
    if values.disputed > weight:
        document.refuse(
            ("reviewers", "values", "disputed"), f"must be at most {weight:g}, the weight of one reviewer"
        )
    return ReviewerLimits(**values.model_dump())


def _require_no_privilege_for_states(document: Document, file: ReportersFile) -> None:
    """Refuse numbers that make a state actor's outcomes worth more than the same ones of a user."""
    state, user = file.priors.values["state_actor"], file.priors.values["user"]
    if state != user:
        # A report weighs in proportion to its trust over the mean of the prior: a lower prior would let the
        # same outcomes weigh more, a higher one trust more.
        document.refuse(
            ("priors", "values", "state_actor"),
            f"must be that of a user, {{alpha: {user.alpha:g}, beta: {user.beta:g}}}",
        )
    place: FieldPath = ("reports_per_day", "values", "state_actor")
    limits = file.reports_per_day.values
    if limits["user"] is not None and (limits["state_actor"] or limits["user"] + 1) > limits["user"]:
        document.refuse(place, f"must be at most {limits['user']}, the limit of a user")


def _mean(beta: BetaRow) -> float:
    return beta.alpha / (beta.alpha + beta.beta)
