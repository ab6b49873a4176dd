"""What the native core is told of a model of risk: its limits and its cohorts."""

from streams.deciding.reports.risk import Cohort, RiskModel

# Odds, odds of the prior, severity, prior, weight, score, probability, and for a stamped report the weight
# before its limit, and that limit.
_Numbers = tuple[float, float, float, float, float, float, float, float, float]
RiskTable = tuple[float, float, list[tuple[Cohort, _Numbers]]]


def risk_table(model: RiskModel) -> RiskTable:
    """Return what native/src/risk.rs takes: the limit of classifiers, that of reporters, and the cohorts."""
    cohorts: list[tuple[Cohort, _Numbers]] = []
    for cohort, (odds, prior, risk, full, most) in model.cohorts.items():
        shown = risk.components
        cohorts.append(
            (
                cohort,
                (
                    odds,
                    prior,
                    shown.severity,
                    shown.prior,
                    shown.reporter_weight,
                    risk.score,
                    shown.probability,
                    full,
                    most,
                ),
            )
        )
    return model.classifier_limit, model.limit, cohorts
