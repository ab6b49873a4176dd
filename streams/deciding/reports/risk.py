"""The risk of one report: the severity of its category times the probability that the report is right.

    w = trust x membership x account age x factor of the reporter's stamp, at most max_weight
    P = logistic(logit pi + clamp(logit w - logit pi) + clamp(logit p_classifier - logit pi))
    risk = severity x P

Computed in odds rather than log-odds: exp(logit a - logit b) is the ratio of the odds of a and b, so a clamp
of 4 on log-odds is a clamp of odds to exp(-4)..exp(4). That leaves only products and quotients, which every
IEEE 754 machine rounds alike. Scores are then rounded to millionths, because they are summed as integers.
"""

import math
from itertools import product
from typing import get_args

from streams.contract.events.enriched_report import Risk, RiskComponents
from streams.contract.events.report import REPORTER_KINDS, AccountAge, Category, MessageReport, ReporterKind
from streams.counting.measures import MILLION
from streams.registry.rules import Rules, Scoring

# Odds, odds of the prior, risk, and for a stamped report: the weight before its limit, and that limit.
ScoredCohort = tuple[float, float, Risk, float, float]
Cohort = tuple[Category, ReporterKind, bool | None, AccountAge | None]


class RiskModel:
    """Scores reports by one set of rules.

    The part that does not depend on a classifier is computed in advance for each of some 1,800 `cohorts`
    (category, kind of reporter, membership, age of account). `limit` limits what a reporter changes of the
    odds of the prior, and `classifier_limit` what a classifier does.
    """

    __slots__ = ("classifier_limit", "cohorts", "limit")

    def __init__(self, rules: Rules) -> None:
        scoring = rules.scoring
        self.classifier_limit = math.exp(scoring.classifier_clamp)
        self.limit = limit = math.exp(scoring.reports_clamp)
        ages: tuple[AccountAge | None, ...] = (None, *get_args(AccountAge))
        self.cohorts: dict[Cohort, ScoredCohort] = {}
        for category in rules.categories.values():
            prior = _odds(category.prior)
            for kind, member, age in product(REPORTER_KINDS, (None, True, False), ages):
                full = full_weight(scoring, kind, member, age)
                most = scoring.max_weight[kind]
                weight = min(full, most)
                odds = prior * _clamp(_odds(weight) / prior, limit)
                shown = round(weight * MILLION) / MILLION
                risk = _risk(category.severity, category.prior, shown, None, odds)
                self.cohorts[category.category, kind, member, age] = (odds, prior, risk, full, most)

    def score(self, report: MessageReport, factor: float = 1.0) -> Risk:
        """Return the risk of a report; one without a reporter counts as an anonymous reporter's.

        `factor` multiplies the weight of its reporter (ReportStamp).
        """
        reporter = report.reporter
        if reporter is None:
            odds, prior, risk, full, most = self.cohorts[report.category, "anonymous", None, None]
        else:
            odds, prior, risk, full, most = self.cohorts[
                report.category, reporter.kind, reporter.member, reporter.account_age
            ]
        if factor != 1.0:
            weight = min(full * factor, most)
            known = risk.components
            odds = prior * _clamp(_odds(weight) / prior, self.limit)
            risk = _risk(known.severity, known.prior, round(weight * MILLION) / MILLION, None, odds)
        classifier = report.classifier
        if classifier is None:
            return risk
        known = risk.components
        confidence = classifier.score
        limit = self.classifier_limit
        # A classifier score of 1 means infinite odds; the limit applies.
        ratio = limit if confidence == 1 else confidence / ((1 - confidence) * prior)
        odds *= ratio if 1 / limit < ratio < limit else _clamp(ratio, limit)
        return _risk(known.severity, known.prior, known.reporter_weight, confidence, odds)

    @staticmethod
    def millionths(risk: Risk) -> int:
        """Return the score in millionths: exactly the integer from which it was made."""
        return round(risk.score * MILLION)


def reporter_weight(
    scoring: Scoring, kind: ReporterKind, member: bool | None, age: AccountAge | None
) -> float:
    """Return w, the prior belief in a report by such a reporter: above 0, below 1."""
    return min(full_weight(scoring, kind, member, age), scoring.max_weight[kind])


def full_weight(scoring: Scoring, kind: ReporterKind, member: bool | None, age: AccountAge | None) -> float:
    """Return w before it is limited."""
    weight = scoring.trust[kind]
    if kind not in scoring.unadjusted_kinds:
        membership = "unknown" if member is None else "member" if member else "not_member"
        weight *= scoring.membership[membership] * scoring.account_age[age or "unknown"]
    return weight


def _odds(probability: float) -> float:
    return probability / (1 - probability)


def _clamp(ratio: float, limit: float) -> float:
    return limit if ratio > limit else max(ratio, 1 / limit)


def _risk(severity: float, prior: float, weight: float, classifier: float | None, odds: float) -> Risk:
    probability = odds / (1 + odds)
    # round() rounds half to even. The components are for people to read: severity x probability as shown may
    # differ from the score in the last digit.
    return Risk(
        round(severity * probability * MILLION) / MILLION,
        RiskComponents(severity, prior, weight, classifier, round(probability * MILLION) / MILLION),
    )
