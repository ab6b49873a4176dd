"""What the native core is told of a model of risk: its limits and its cohorts."""

from collections.abc import Sequence
from itertools import groupby

from streams.contract.events.report import AccountAge, Category, ReporterKind
from streams.deciding.partition.native.handed_over import HandedOver
from streams.deciding.reports.risk import Cohort, RiskModel, ScoredCohort


class CohortRisk(HandedOver, frozen=True):
    """Reporters of a kind, membership and age of account, and the risk of their reports of a category.

    `odds` are those that such a report is right. `score`, `probability` and `reporter_weight` are published
    if there is no classifier; risks and probabilities are from 0 to 1. For a stamped report, `full_weight` is
    the weight before it is limited to `most_weight`.
    """

    reporter: ReporterKind
    member: bool | None
    account_age: AccountAge | None
    odds: float
    score: float
    probability: float
    reporter_weight: float
    full_weight: float
    most_weight: float


class CategoryRisk(HandedOver, frozen=True):
    """A category: its severity and its prior probability, which are published, and the odds of that prior."""

    category: str
    severity: float
    prior: float
    prior_odds: float
    cohorts: Sequence[CohortRisk]


class RiskTable(HandedOver, frozen=True):
    """A model of risk (RiskModel). Its limits are factors of odds."""

    classifier_limit: float
    reporter_limit: float
    categories: Sequence[CategoryRisk]


def risk_table(model: RiskModel) -> RiskTable:
    """Return the table of a model."""
    return RiskTable(
        classifier_limit=model.classifier_limit,
        reporter_limit=model.limit,
        categories=[
            _category(category, list(rows))
            for category, rows in groupby(model.cohorts.items(), key=lambda row: row[0][0])
        ],
    )


def _category(category: Category, rows: Sequence[tuple[Cohort, ScoredCohort]]) -> CategoryRisk:
    _, (_, prior_odds, risk, _, _) = rows[0]
    return CategoryRisk(
        category=category,
        severity=risk.components.severity,
        prior=risk.components.prior,
        prior_odds=prior_odds,
        cohorts=[_cohort(cohort, scored) for cohort, scored in rows],
    )


def _cohort(cohort: Cohort, scored: ScoredCohort) -> CohortRisk:
    _, reporter, member, account_age = cohort
    odds, _, risk, full, most = scored
    return CohortRisk(
        reporter=reporter,
        member=member,
        account_age=account_age,
        odds=odds,
        score=risk.score,
        probability=risk.components.probability,
        reporter_weight=risk.components.reporter_weight,
        full_weight=full,
        most_weight=most,
    )
