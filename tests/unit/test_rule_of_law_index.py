"""Tiers by a published index: the rule, how far a state's own tier may be from it, and days on which tiers
change.
"""

import dataclasses
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deciding.law.resolution import Resolver
from streams.deciding.law.rule_of_law import TIERS, most_protective_tier, tier_of
from streams.registry.lint import lint
from streams.registry.loader import load_rules
from streams.registry.rule_of_law_index import least_careful_tier, tier_by_index, tier_differences
from streams.registry.rules import IndexValues, Rules, TierThresholds
from streams.registry.jurisdiction import RuleOfLawTier
from tests.unit.law_reports import NOW, report
from tests.unit.registry_files import edit, refused

THRESHOLDS = TierThresholds(open_rule_of_law=0.25, open_voice=0.40, closed_voice=-0.80)
CHANGED = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("rule_of_law", "voice", "tier"),
    [
        (0.25, 0.40, "open"),
        (0.24, 1.50, "guarded"),
        (2.00, 0.39, "guarded"),
        # Singapore: fair courts, little voice.
        (1.43, -0.07, "guarded"),
        (0.50, -0.80, "guarded"),
        # The United Arab Emirates: no rule of law opens what voice closes.
        (0.50, -0.81, "closed"),
        (-2.5, 0.00, "guarded"),
        (None, 1.10, "unknown"),
        (0.37, None, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_the_worse_value_gives_the_tier(
    rule_of_law: float | None, voice: float | None, tier: RuleOfLawTier
) -> None:
    assert tier_by_index(IndexValues(rule_of_law, voice), THRESHOLDS) == tier


@pytest.mark.parametrize(
    ("values", "tier"),
    [
        (IndexValues(0.19, 0.36), "guarded"),
        # Within one standard error of both thresholds: the state need not move.
        (IndexValues(0.19, 0.36, 0.15, 0.10), "open"),
        (IndexValues(0.19, 0.36, 0.15, None), "guarded"),
        (IndexValues(-0.84, -0.86, 0.15, 0.10), "guarded"),
        (IndexValues(-0.84, -0.95, 0.15, 0.10), "closed"),
        # A missing value says nothing against a state; the other one still does.
        (IndexValues(0.37, None), "open"),
        (IndexValues(0.10, None), "guarded"),
        (IndexValues(None, -0.90), "closed"),
        (IndexValues(), "open"),
    ],
)
def test_how_careful_a_state_must_be_at_least(values: IndexValues, tier: RuleOfLawTier) -> None:
    assert least_careful_tier(values, THRESHOLDS) == tier


estimates = st.none() | st.floats(-2.5, 2.5)
errors = st.none() | st.floats(0.01, 0.5)


@given(estimates, estimates, errors, errors)
def test_the_least_careful_tier_is_never_more_careful_than_the_rule(
    rule_of_law: float | None, voice: float | None, error: float | None, other: float | None
) -> None:
    values = IndexValues(rule_of_law, voice, error, other)
    at_least, by_index = least_careful_tier(values, THRESHOLDS), tier_by_index(values, THRESHOLDS)
    assert TIERS.index(at_least) <= TIERS.index(by_index) or by_index == "unknown"


# The shipped values


def test_the_shipped_values_give_these_tiers(rules: Rules) -> None:
    assert rules.index is not None
    assert rules.index.thresholds == THRESHOLDS
    assert (rules.index.rule_of_law_year, rules.index.voice_year) == (2024, 2023)
    tiers = {code: tier_by_index(values, THRESHOLDS) for code, values in rules.index.states.items()}
    assert len(tiers) == 59
    by_tier = {tier: {code for code in tiers if tiers[code] == tier} for tier in TIERS}
    assert by_tier["closed"] == {"AE", "IR", "PK", "RU", "TR", "VN"}
    assert by_tier["unknown"] == {"RO", "TW"}
    assert by_tier["guarded"] == {
        "BD", "BG", "BR", "HU", "ID", "IN", "KE", "LK", "MX", "MY", "NG", "NP", "PH", "SG", "TH", "ZA",
    }  # fmt: skip
    assert {"CA", "CH", "DE", "GB", "JP", "KR", "NZ", "PL", "US"} <= by_tier["open"]


def test_every_state_with_a_file_has_values(rules: Rules) -> None:
    assert rules.index is not None
    files = {code for code, row in rules.jurisdictions.items() if len(code) == 2 and row.part_of is None}
    assert files - {"EU", "XX"} <= rules.index.states.keys()


def test_where_tiers_are_not_the_index_s(rules: Rules) -> None:
    found = lint(rules, CHANGED).tiers
    assert found is not None
    assert {each.code: (each.tier, each.by_index) for each in found if each.code in rules.jurisdictions} == {
        "RO": ("open", "unknown"),
        "TW": ("guarded", "unknown"),
    }
    assert {each.code for each in found} - rules.jurisdictions.keys() >= {"PK"}


@pytest.mark.parametrize(
    ("code", "tier", "values", "why"),
    [
        ("DE", "guarded", IndexValues(1.63, 1.46), "more careful than the index"),
        ("HU", "open", IndexValues(0.19, 0.36, 0.15, 0.10), "within one standard error of a threshold"),
        ("RO", "open", IndexValues(0.37), "the index lacks voice and accountability"),
        ("DE", "open", None, "the index has no values of it"),
        ("DE", "open", IndexValues(1.63, 1.46), None),
        ("PK", None, IndexValues(-1.02, -0.96), "it has no file, so the tier of GLOBAL applies"),
        ("NZ", None, IndexValues(1.67, 1.69), None),
    ],
)
def test_why_a_tier_is_not_the_index_s(
    rules: Rules, code: str, tier: RuleOfLawTier | None, values: IndexValues | None, why: str | None
) -> None:
    assert rules.index is not None
    states = {} if values is None else {code: values}
    index = dataclasses.replace(rules.index, states=states)
    rows = {"GLOBAL": rules.jurisdictions["GLOBAL"]}
    if tier is not None:
        rows[code] = dataclasses.replace(rules.jurisdictions[code], rule_of_law=tier)
    assert [each.why for each in tier_differences(index, rows)] == ([] if why is None else [why])


# Files


def test_a_tier_less_careful_than_the_index_is_refused(folder: Path) -> None:
    edit(folder, "law/RU.yaml", "tier: closed", "tier: guarded")
    refused(folder, "rule_of_law.yaml", "states.RU", "RU.yaml has the tier guarded")


def test_an_earlier_tier_does_not_outlast_the_loading_of_the_index(folder: Path) -> None:
    edit(folder, "law/HU.yaml", "until: 2026-11-25", "until: 2026-11-26")
    refused(folder, "rule_of_law.yaml", "states.HU", "HU.yaml has the tier open")


def test_a_more_careful_tier_is_accepted(folder: Path) -> None:
    edit(folder, "law/DE.yaml", "tier: open", "tier: closed")
    assert load_rules(folder).jurisdictions["DE"].rule_of_law == "closed"


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("closed_voice: -0.80", "closed_voice: 0.40", "thresholds.closed_voice", "below open_voice"),
        ("  AT: {", "  UK: {", "states.UK", "ISO 3166-1"),
        ("{rule_of_law: 1.68", "{rule_of_law: 16.8", "states.AT.rule_of_law", "less than or equal to 3"),
        ("{rule_of_law: 1.68", "{rule_of_law: high", "states.AT.rule_of_law", "valid number"),
        ("  licence: CC BY 4.0\n", "", "index.licence", "is missing"),
        ("    year: 2024", "    year: this", "index.rule_of_law.year", "valid integer"),
    ],
)
def test_a_mistake_in_the_index_is_reported_with_its_place(
    folder: Path, old: str, new: str, field: str, says: str
) -> None:
    edit(folder, "law/rule_of_law.yaml", old, new)
    refused(folder, "rule_of_law.yaml", field, says)


def test_earlier_tiers_are_in_order(folder: Path) -> None:
    earlier = (
        "earlier: [{tier: open, until: 2026-11-25, basis: a}, {tier: closed, until: 2026-11-25, basis: b}]"
    )
    edit(folder, "law/HU.yaml", "  earlier: [{tier: open, until: 2026-11-25, ", f"  {earlier} # [{{")
    refused(folder, "HU.yaml", "rule_of_law.earlier[1].until", "must be after")


def test_a_folder_without_the_index_has_the_tiers_of_its_files(folder: Path) -> None:
    before = load_rules(folder)
    (folder / "law" / "rule_of_law.yaml").unlink()
    rules = load_rules(folder)
    assert rules.index is None
    assert lint(rules, CHANGED).tiers is None
    assert rules.jurisdictions == before.jurisdictions
    assert rules.registry_version != before.registry_version


# Days


def test_the_tier_is_that_of_the_day(rules: Rules) -> None:
    places = rules.jurisdictions
    before = date(2026, 11, 25)
    assert [tier_of(code, places, before) for code in ("HU", "BG", "TR")] == ["open", "open", "guarded"]
    assert [tier_of(code, places, CHANGED) for code in ("HU", "BG", "TR")] == ["guarded", "guarded", "closed"]
    assert [tier_of(code, places, date.min) for code in ("HU", "RU", "KZ")] == ["open", "closed", "unknown"]
    assert most_protective_tier(["DE", "HU"], places, before) == "open"
    assert most_protective_tier(["DE", "HU"], places, CHANGED) == "guarded"


def test_a_territory_has_the_tiers_of_its_state(rules: Rules) -> None:
    denmark = dataclasses.replace(
        rules.jurisdictions["DK"], rule_of_law="guarded", earlier_tiers=((date(2026, 11, 25), "open"),)
    )
    assert tier_of("DK", {"DK": denmark}, date(2026, 11, 25)) == "open"
    for code, row in rules.jurisdictions.items():
        if row.part_of is not None:
            assert row.earlier_tiers == rules.jurisdictions[row.part_of].earlier_tiers, code


def test_the_cache_of_the_law_knows_the_days_of_tiers(rules: Rules) -> None:
    resolver = Resolver(rules)
    tiers = [
        resolver.resolve(
            report([("HU", "victim", 0.9)], category="fraud", occurred_at=NOW.replace(day=day, hour=23))
        ).tier
        for day in (25, 26, 25)
    ]
    assert tiers == ["open", "guarded", "open"]
