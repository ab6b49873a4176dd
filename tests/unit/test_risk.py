"""The risk of a report against the formula in log-odds, and its documented bounds."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events.enriched_report import Risk
from streams.contract.events.report import (
    REPORTER_KINDS,
    AccountAge,
    Category,
    Channel,
    Classifier,
    MessageReport,
    Reporter,
)
from streams.deciding.reports.risk import RiskModel, reporter_weight
from streams.registry.scoring import beta_lower_bound
from streams.registry.shapes.rules import BetaRow
from tests.categories import CATEGORIES
from tests.shipped import RULES

MODEL = RiskModel(RULES)
AGES = (None, *get_args(AccountAge))


def report(
    category: Category = "fraud", reporter: Reporter | None = None, classifier: float | None = None
) -> MessageReport:
    return MessageReport(
        report_id="r-1",
        kind="user_report",
        occurred_at=datetime(2026, 11, 24, tzinfo=UTC),
        channel=Channel(ref="c-1", visibility="public"),
        category=category,
        reporter=reporter,
        classifier=None if classifier is None else Classifier(name="m", version="1", score=classifier),
    )


def logit(probability: float) -> float:
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def clamp(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def formula(category: Category, weight: float, classifier: float | None) -> float:
    """Severity x P, as in the design."""
    row = RULES.categories[category]
    prior = logit(row.prior)
    total = prior + clamp(logit(weight) - prior, RULES.scoring.reports_clamp)
    if classifier is not None:
        total += clamp(logit(classifier) - prior, RULES.scoring.classifier_clamp)
    return row.severity / (1 + math.exp(-total))


reporters = st.builds(
    Reporter,
    kind=st.sampled_from(REPORTER_KINDS),
    member=st.sampled_from([None, True, False]),
    account_age=st.sampled_from(AGES),
)
scores = st.one_of(
    st.none(), st.floats(min_value=0, max_value=1), st.sampled_from([0.0, 1.0, 5e-324, 1 - 2**-53, 0.333333])
)


@given(st.sampled_from(CATEGORIES), st.one_of(st.none(), reporters), scores)
@settings(max_examples=500)
def test_the_risk_agrees_with_the_formula(
    category: Category, reporter: Reporter | None, classifier: float | None
) -> None:
    who = Reporter(kind="anonymous") if reporter is None else reporter
    weight = reporter_weight(RULES.scoring, who.kind, who.member, who.account_age)
    risk = MODEL.score(report(category, reporter, classifier))
    assert risk.score == pytest.approx(formula(category, weight, classifier), abs=0.6e-6)
    assert 0 <= risk.score <= RULES.categories[category].severity
    assert risk.components.severity == RULES.categories[category].severity
    assert risk.components.prior == RULES.categories[category].prior
    assert risk.components.classifier == classifier
    assert risk.components.reporter_weight == pytest.approx(weight, abs=0.6e-6)
    assert risk.components.severity * risk.components.probability == pytest.approx(risk.score, abs=1.1e-6)


@given(st.sampled_from(CATEGORIES), st.one_of(st.none(), reporters), scores)
@settings(max_examples=300)
def test_the_score_agrees_with_its_millionths(
    category: Category, reporter: Reporter | None, classifier: float | None
) -> None:
    risk = MODEL.score(report(category, reporter, classifier))
    assert MODEL.millionths(risk) / 1_000_000 == risk.score


def test_every_millionth_survives_conversion_to_a_score_and_back() -> None:
    components = MODEL.score(report()).components
    for millionths in range(0, 1_000_001, 7):
        assert RiskModel.millionths(Risk(millionths / 1_000_000, components)) == millionths


@pytest.mark.parametrize(
    ("kind", "member", "age", "weight"),
    [
        ("user", True, "over_1y", 0.276),
        ("user", None, None, 0.276 * 0.5 * 0.6),
        ("user", False, "under_1d", 0.276 * 0.2 * 0.2),
        ("user", True, "under_1w", 0.276 * 0.4),
        ("state_actor", True, "over_1y", 0.276),
        ("anonymous", None, None, 0.056 * 0.5 * 0.6),
        ("trusted_flagger", None, None, 0.835),
        ("trusted_flagger", False, "under_1d", 0.835),
        ("automated", False, "under_1d", 0.679),
    ],
)
def test_reporter_weights(kind: str, member: bool | None, age: str | None, weight: float) -> None:
    got = reporter_weight(RULES.scoring, kind, member, age)  # type: ignore[arg-type]
    assert got == pytest.approx(weight, abs=0.0005)


def test_without_a_classifier_the_probability_is_the_weight() -> None:
    risk = MODEL.score(report("csam", Reporter(kind="trusted_flagger")))
    assert risk.score == 0.834535
    assert risk.components.probability == risk.components.reporter_weight == 0.834535


def test_an_example_with_a_classifier() -> None:
    # Odds of 2.1191 from the detector's weight, times 18 from the classifier, give .9745; times .55 is the
    # score.
    risk = MODEL.score(report("fraud", Reporter(kind="automated"), 0.9))
    assert risk.score == 0.535949


def test_a_missing_reporter_counts_as_anonymous() -> None:
    assert MODEL.score(report()) == MODEL.score(report(reporter=Reporter(kind="anonymous")))


@pytest.mark.parametrize("kind", REPORTER_KINDS)
def test_a_reporters_weight_never_exceeds_the_maximum_of_its_kind(kind: str) -> None:
    # This holds even if the deployer trusts every kind almost fully.
    scoring = replace(RULES.scoring, trust=dict.fromkeys(REPORTER_KINDS, 0.99))
    model = RiskModel(replace(RULES, scoring=scoring))
    for category in CATEGORIES:
        risk = model.score(report(category, Reporter(kind=kind, member=True, account_age="over_1y")))  # type: ignore[arg-type]
        severity = RULES.categories[category].severity
        assert risk.score == pytest.approx(severity * scoring.max_weight[kind], abs=1e-6)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_certain_classifier_moves_the_odds_by_exactly_its_clamp(confidence: float) -> None:
    reporter = Reporter(kind="user", member=True, account_age="over_1y")
    without = MODEL.score(report("csam", reporter)).components.probability
    risk = MODEL.score(report("csam", reporter, confidence)).components.probability
    moved = logit(risk) - logit(without)
    assert moved == pytest.approx(3 if confidence else -3, abs=1e-3)


@given(reporters, st.floats(0, 1), st.floats(0, 1))
def test_more_confidence_never_lowers_the_risk(reporter: Reporter, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (
        MODEL.score(report("csam", reporter, low)).score <= MODEL.score(report("csam", reporter, high)).score
    )


def test_a_classifier_at_the_prior_has_no_effect() -> None:
    reporter = Reporter(kind="user")
    prior = RULES.categories["fraud"].prior
    assert MODEL.score(report("fraud", reporter, prior)).score == MODEL.score(report("fraud", reporter)).score


@pytest.mark.parametrize(
    ("alpha", "beta", "mean", "bound"),
    [
        (2, 2, 0.50, 0.276),
        (1, 3, 0.25, 0.056),
        (18, 2, 0.90, 0.835),
        (8, 2, 0.80, 0.679),
        # Outcomes add to the prior: 8 of 10 upheld, 1 of 20 upheld, and a trusted flagger with 5 of 10
        # rejected.
        (10, 4, 0.714, None),
        (3, 21, 0.125, None),
        (23, 7, 0.767, None),
    ],
)
def test_lower_bounds_of_beta_distributions(alpha: int, beta: int, mean: float, bound: float | None) -> None:
    got = beta_lower_bound(BetaRow(alpha=alpha, beta=beta))
    assert round(alpha / (alpha + beta), 3) == mean
    # The variance of a Beta distribution, written as mean x (1 - mean) / (total + 1).
    exact = alpha / (alpha + beta)
    assert got == pytest.approx(exact - math.sqrt(exact * (1 - exact) / (alpha + beta + 1)))
    if bound is not None:
        assert round(got, 3) == bound
