"""Trust against a model that keeps every outcome, its exact reversal, and examples."""

import math
from dataclasses import replace
from itertools import product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events.report import REPORTER_KINDS
from streams.contract.wire.state_records import STATE_VERSION, UnknownStateVersion
from streams.deciding.reporters.reporter import (
    REPORTER,
    CreditFacts,
    OutcomeFacts,
    Reporter,
    ReportFacts,
    decode_reporter,
    encode_reporter,
)
from streams.deciding.reporters.reviewers import MOST_SUMS
from streams.deciding.reporters.store import keep, reporter_store
from streams.deciding.reporters.tally import (
    PERIOD_DAYS,
    VERDICTS,
    category_and_verdict,
    change,
    code_of,
    totals,
)
from streams.deciding.reporters.trust import trust_of
from streams.registry.reporter_rules import ReviewerLimits
from tests.categories import CODES
from tests.shipped import RULES as SHIPPED_RULES

RULES = SHIPPED_RULES.reporters
DAY = 86_400_000
D0 = 20_000

days = st.integers(0, 400)
outcomes = st.builds(
    OutcomeFacts,
    days.map(lambda day: D0 + day),
    st.sampled_from(VERDICTS),
    st.sampled_from([CODES[name] for name in ("spam", "fraud", "hate", "csam", "ip", "civic")]),
    st.sampled_from([20, 80, 100, 400, 500]),
    st.integers(0, 4),
)


def credit(
    reporter: Reporter,
    day: int,
    removed: OutcomeFacts | None,
    added: OutcomeFacts | None,
    target: int = 1,
    channel: int = 0,
):
    verdict = "upheld" if added is None else added.verdict
    facts = CreditFacts(day * DAY, (day - 1) * 86_400, target, verdict, removed, added, channel=channel)
    return reporter.credit(facts)


def in_order(given_outcomes: list[OutcomeFacts]) -> Reporter:
    reporter = Reporter()
    for number, outcome in enumerate(sorted(given_outcomes)):
        credit(reporter, outcome.day, None, outcome, number)
    return reporter


def decayed(given_outcomes: list[OutcomeFacts], day: int, verdict: str, category: str | None = None) -> float:
    """The definition: each outcome fades by half every 90 days."""
    return sum(
        each.percent / 100 * 2 ** (-(day - each.day) / 90)
        for each in given_outcomes
        if each.verdict == verdict and category in (None, each.category)
    )


@given(st.lists(outcomes, max_size=20), st.integers(0, 200))
def test_outcomes_fade_as_defined(given_outcomes, later):
    reporter = in_order(given_outcomes)
    day = max([D0, *(each.day for each in given_outcomes)]) + later
    for category in (None, CODES["spam"], CODES["csam"]):
        known = totals(reporter.sums, reporter.period, day, category)
        for verdict in VERDICTS:
            defined = decayed(given_outcomes, day, verdict, category)
            # A factor is a whole number between 1,024 and 2,048, and what is older than 270 days is halved in
            # whole steps.
            assert getattr(known, verdict) == pytest.approx(defined, rel=1e-3, abs=1e-4)


@given(st.lists(outcomes, max_size=12), outcomes, outcomes, st.integers(0, 180), st.integers(0, 120))
def test_a_superseded_outcome_leaves_no_trace(others, wrong, right, after, later):
    right = right._replace(day=wrong.day + after)
    end = max([right.day, *(each.day for each in others)]) + later
    with_appeal, without = Reporter(), Reporter()
    steps = sorted(
        [(each.day, 1, None, each) for each in others]
        + [(wrong.day, 0, None, wrong), (right.day, 2, wrong, right)],
        key=lambda step: step[:2],
    )
    for day, kind, removed, added in steps:
        with_appeal = decode_reporter(encode_reporter(with_appeal))
        assert credit(with_appeal, day, removed, added)
        if kind == 1:
            credit(without, day, None, added)
        elif kind == 2:
            credit(without, day, None, right)
    for reporter in (with_appeal, without):
        credit(reporter, end, None, None)
    assert with_appeal.sums == without.sums
    assert with_appeal.by_reviewer == without.by_reviewer
    assert with_appeal.period == without.period


@given(st.lists(outcomes, min_size=1, max_size=12), st.randoms())
def test_the_order_of_outcomes_of_one_period_does_not_matter(given_outcomes, rng):
    near = [each._replace(day=D0 + each.day % PERIOD_DAYS) for each in given_outcomes]
    shuffled = near[:]
    rng.shuffle(shuffled)
    one, other = Reporter(), Reporter()
    for reporter, order in ((one, near), (other, shuffled)):
        for each in order:
            credit(reporter, D0 + PERIOD_DAYS, None, each)
    assert (one.sums, one.by_reviewer) == (other.sums, other.by_reviewer)


@given(
    st.lists(outcomes, max_size=20),
    st.integers(0, 200),
    st.sampled_from([0.25, 1 / 3, 0.5, 1]),
    st.integers(0, 2),
)
def test_one_reviewer_counts_at_most_for_a_share_of_the_evidence(given_outcomes, later, share, alone):
    limits = ReviewerLimits(share, alone, 0)
    reporter = in_order(given_outcomes)
    day = max([D0, *(each.day for each in given_outcomes)]) + later
    known = reporter.outcomes(RULES, day).totals(replace(RULES, reviewers=limits), "user", day, None)

    def weight(right: bool, reviewer: int | None) -> float:
        return sum(
            decayed([each], day, each.verdict)
            for each in given_outcomes
            if (each.verdict == "upheld") == right and reviewer in (None, each.reviewer)
        )

    for right in (True, False):
        everything = counted = weight(right, None)
        for reviewer in range(1, 5):
            own = weight(right, reviewer)
            most = inf if share == 1 else max(alone, (everything - own) * share / (1 - share))
            counted -= max(0, own - most)
        found = known.upheld if right else known.dismissed + known.manifestly_unfounded
        assert found == pytest.approx(counted, rel=3e-3, abs=1e-3)


def test_what_is_limited_over_all_categories_is_limited_in_each():
    reporter = Reporter()
    for number in range(12):
        category = CODES["spam" if number < 9 else "hate"]
        credit(reporter, D0, None, OutcomeFacts(D0, "upheld", category, 100, 1 + number // 8), number)
    rules = replace(RULES, reviewers=ReviewerLimits(0.5, 0, 0))
    spam, hate, everything = (
        reporter.outcomes(RULES, D0).totals(rules, "user", D0, category)
        for category in (CODES["spam"], CODES["hate"], None)
    )
    # Eight by one reviewer count as the four of the other one.
    assert everything.upheld == pytest.approx(8)
    assert (spam.upheld, hate.upheld) == (pytest.approx(9 * 8 / 12), pytest.approx(3 * 8 / 12))
    # Few people look at what detectors find, often one.
    assert reporter.outcomes(RULES, D0).totals(rules, "automated", D0, None).upheld == pytest.approx(12)


def test_the_sums_by_reviewer_are_bounded_and_more_reviewers_than_that_are_not_limited():
    reporter = Reporter()
    for reviewer in range(1, 2 * MOST_SUMS):
        credit(reporter, D0, None, OutcomeFacts(D0, "upheld", CODES["spam"], 100, reviewer), reviewer)
    assert len(reporter.by_reviewer) == MOST_SUMS
    assert len(encode_reporter(reporter)) < 12 * MOST_SUMS + 500
    known = reporter.outcomes(RULES, D0).totals(RULES, "user", D0, None)
    assert known.upheld == pytest.approx(2 * MOST_SUMS - 1)


def test_an_outcome_of_more_than_270_days_ago_changes_nothing():
    sums: dict[int, int] = {}
    period = D0 // PERIOD_DAYS
    code = code_of(CODES["spam"], "upheld")
    assert not change(sums, period, code, (period - 4) * PERIOD_DAYS, 100)
    assert not sums
    assert change(sums, period, code, (period - 3) * PERIOD_DAYS, 100)


def trusted(kind: str = "user", category: str = "spam", **counts: int):
    reporter = Reporter()
    for verdict, count in counts.items():
        for number in range(count):
            credit(reporter, D0, None, OutcomeFacts(D0, verdict, CODES["spam"], 100), number)
    return trust_of(RULES, kind, reporter.outcomes(RULES, D0), D0, CODES[category])


@pytest.mark.parametrize(
    ("kind", "counts", "mean", "lower", "trust_class", "basis"),
    [
        ("user", {}, 0.25, 0.056351, "low", "kind"),
        ("anonymous", {}, 0.2, 0.036701, "low", "kind"),
        ("trusted_flagger", {}, 0.6, 0.45229, "low", "kind"),
        ("user", {"upheld": 1}, 0.4, 0.2, "low", "reporter"),
        ("user", {"upheld": 2}, 0.5, 0.311018, "medium", "reporter"),
        ("user", {"upheld": 8, "dismissed": 2}, 0.714286, 0.591787, "high", "category"),
        ("user", {"upheld": 1, "dismissed": 19}, 0.186916, 0.072944, "low", "category"),
        ("user", {"manifestly_unfounded": 1}, 0.111111, 0.01173, "low", "reporter"),
        ("automated", {"upheld": 40, "dismissed": 10}, 0.788462, 0.732362, "high", "category"),
        ("automated", {"upheld": 40, "dismissed": 9}, 0.877944, 0.830547, "high", "category"),
    ],
)
def test_trust_of_examples(kind, counts, mean, lower, trust_class, basis):
    trust = trusted(kind, **counts)
    assert (trust.mean, trust.lower) == (pytest.approx(mean, abs=1e-5), pytest.approx(lower, abs=1e-5))
    assert (trust.trust_class, trust.basis) == (trust_class, basis)


def test_few_outcomes_of_a_category_fall_back_to_all():
    assert trusted(category="spam", upheld=5).basis == "category"
    assert trusted(category="spam", upheld=4).basis == "reporter"
    assert trusted(category="hate", upheld=5) == trusted(category="spam", upheld=5)._replace(basis="reporter")


@pytest.mark.parametrize("kind", REPORTER_KINDS)
def test_without_outcomes_a_report_weighs_as_today_and_right_ones_never_lower_it(kind):
    factors = [trusted(kind, upheld=count).factor for count in range(12)]
    assert factors[0] == 1
    assert factors == sorted(factors)
    assert trusted(kind, dismissed=1).factor < 1
    assert trusted(kind, manifestly_unfounded=1).factor < trusted(kind, dismissed=1).factor


def test_the_weight_of_an_outcome_is_bounded():
    assert RULES.percent("one_reviewer", 1.0) == 80
    assert RULES.percent("two_agree", 0.5) == 200
    # A single outcome of a small random sample does not make a reporter trusted by itself.
    assert RULES.percent("two_agree", 0.01) == RULES.percent("two_agree", 0.2) == 500


def test_the_lower_bound_is_a_standard_deviation_below_the_mean():
    trust = trusted(upheld=3)
    alpha, beta = 4, 3
    deviation = math.sqrt(alpha * beta / ((alpha + beta) ** 2 * (alpha + beta + 1)))
    assert trust.lower == pytest.approx(alpha / (alpha + beta) - deviation, abs=1e-6)


def facts(time_ms: int, **changes) -> ReportFacts:
    values = {
        "kind": "user",
        "time_ms": time_ms,
        "received_s": time_ms // 1000,
        "category": CODES["spam"],
        "target": time_ms,
        "channel": 1,
        "member": False,
        "floor": False,
    }
    return ReportFacts(**(values | changes))


def test_the_reports_of_a_day_beyond_the_limit_weigh_nothing_but_those_of_floor_categories():
    reporter = Reporter()
    limit = RULES.reports_per_day["user"]
    stamps = [reporter.note_report(RULES, facts(D0 * DAY + number)) for number in range(limit + 1)]
    assert [stamp.factor for stamp in stamps] == [1.0] * limit + [0.0]
    assert stamps[-1].over_limit
    floor = reporter.note_report(RULES, facts(D0 * DAY + limit + 1, floor=True))
    assert (floor.factor, floor.over_limit) == (1.0, True)
    assert reporter.note_report(RULES, facts((D0 + 1) * DAY)).factor == 1.0


def test_detectors_have_no_limit_and_no_signature():
    reporter = Reporter()
    for number in range(200):
        stamp = reporter.note_report(RULES, facts(D0 * DAY + number, kind="automated", channel=number))
    assert (stamp.factor, stamp.signature, stamp.many_channels) == (1.0, 0, None)


def test_a_reporter_in_many_channels_becomes_one_case_a_week():
    reporter = Reporter()
    shown = []
    for number in range(1_000):
        # Hashes of channels are uniform.
        channel = number * 0x9E3779B97F4A7C15 & (1 << 64) - 1
        stamp = reporter.note_report(RULES, facts(7 * DAY * 3_000 + number * 60_000, channel=channel))
        reporter = decode_reporter(encode_reporter(reporter))
        if stamp.many_channels is not None:
            shown.append((number, stamp.many_channels))
    ((number, channels),) = shown
    assert 45 < number < 75
    assert channels >= RULES.channels_per_week["user"]


def test_a_hundred_reports_about_few_channels_are_no_case():
    reporter = Reporter()
    stamps = [reporter.note_report(RULES, facts(D0 * DAY + n, channel=n % 8)) for n in range(100)]
    assert all(stamp.many_channels is None for stamp in stamps)


def test_a_vouched_member_needs_the_most_evidence():
    reporter = Reporter()
    assert reporter.note_report(RULES, facts(D0 * DAY)).needed == 1
    assert reporter.note_report(RULES, facts(D0 * DAY, member=True)).needed == 2
    credit(reporter, D0, None, OutcomeFacts(D0, "upheld", CODES["spam"], 80, reviewer=7), channel=5)
    # One person's word is not enough: the reporter may have staged it.
    assert reporter.note_report(RULES, facts(D0 * DAY, member=True)).needed == 2
    credit(reporter, D0, None, OutcomeFacts(D0, "upheld", CODES["spam"], 80, reviewer=8), channel=6)
    # What nothing supports gives no trust, and vouches.
    stamp = reporter.note_report(RULES, facts(D0 * DAY, member=True))
    assert (stamp.needed, stamp.factor) == (3, 1.0)
    credit(reporter, D0, None, OutcomeFacts(D0, "manifestly_unfounded", CODES["spam"], 100))
    assert reporter.note_report(RULES, facts(D0 * DAY, member=True)).needed == 2


def test_equal_states_have_equal_bytes_and_unknown_versions_are_refused():
    one, other = Reporter(), Reporter()
    first, second = (
        OutcomeFacts(D0, "upheld", CODES["spam"], 100),
        OutcomeFacts(D0, "dismissed", CODES["hate"], 80),
    )
    for reporter, order in ((one, (first, second)), (other, (second, first))):
        for outcome in order:
            credit(reporter, D0, None, outcome)
            reporter.targets = Reporter().targets
    assert encode_reporter(one) == encode_reporter(other)
    with pytest.raises(UnknownStateVersion):
        reporter_store().restore(REPORTER + bytes(8), b"\x09" + encode_reporter(one) + bytes(4))


def test_a_reporter_takes_at_most_340_bytes_of_state_after_a_busy_fortnight():
    reporter = Reporter()
    for number in range(20):
        at = (D0 + number * 7 // 10) * DAY
        target = number * 0x9E3779B97F4A7C15 & (1 << 64) - 1
        reporter.note_report(RULES, facts(at, target=target, channel=target))
    for number in range(8):
        outcome = OutcomeFacts(D0 + 14, VERDICTS[number % 3], number % 2, 80)
        reporter.credit(
            CreditFacts((D0 + 14) * DAY, (D0 + 13) * 86_400, number, outcome.verdict, None, outcome)
        )
    assert len(STATE_VERSION + encode_reporter(reporter)) < 340


def test_state_keeps_a_category_and_a_verdict_under_the_same_number_for_ever():
    # Frozen: state of every version has them. Add the number of a new category at the end; change none.
    frozen = (
        "csam csam_synthetic grooming threat_to_life terrorism trafficking ncii_deepfake ncii sextortion "
        "self_harm weapons_drugs fraud hate doxxing harassment civic defamation ip spam unspecified"
    ).split()
    assert list(CODES.items())[: len(frozen)] == [(name, code) for code, name in enumerate(frozen)]
    assert VERDICTS == ("upheld", "dismissed", "manifestly_unfounded")
    assert code_of(19, "manifestly_unfounded") == 59 << 3
    for category, verdict in product(range(256), VERDICTS):
        assert category_and_verdict(code_of(category, verdict) | 3) == (category, verdict)


def test_rules_of_a_registry_apply_to_earlier_outcomes():
    reporter = Reporter()
    credit(reporter, D0, None, OutcomeFacts(D0, "dismissed", CODES["spam"], 100))
    harsher = replace(RULES, outcomes={**RULES.outcomes, "dismissed": 3.0})
    now = trust_of(RULES, "user", reporter.outcomes(RULES, D0), D0, CODES["spam"])
    then = trust_of(harsher, "user", reporter.outcomes(RULES, D0), D0, CODES["spam"])
    assert (now.mean, then.mean) == (round(1 / 4.3, 6), round(1 / 7, 6))


def test_a_target_that_was_upheld_does_not_come_back_with_another_report_of_it():
    """Nor does one that was gone before anybody looked: both are `upheld` here."""
    reporter = Reporter()
    reporter.note_report(RULES, facts(D0 * DAY, target=1))
    credit(reporter, D0 + 1, None, None)
    reporter.note_report(RULES, facts((D0 + 1) * DAY + 1, target=1))
    for days in (3, 9):
        now_s = (D0 + days) * 86_400
        reporter.targets.move_on(now_s)
        assert reporter.targets.signature(now_s) == 0
    # What is dismissed after all enters.
    credit(reporter, D0 + 9, None, OutcomeFacts(D0 + 9, "dismissed", CODES["spam"], 100), target=2)
    assert reporter.targets.signature((D0 + 9) * 86_400) != 0
