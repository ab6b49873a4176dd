"""The shipped categories and scoring, and the versions of the registry."""

import re
from pathlib import Path

import pytest

from streams.contract.events.report import REPORTER_KINDS
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.categories import CATEGORIES
from tests.unit.registry_files import edit

FILES = ("categories.yaml", "scoring.yaml", "policies.yaml", "law/EU.yaml", "law/triggers.yaml")


@pytest.mark.slow
def test_each_file_can_be_replaced_separately(folder: Path, rules: Rules) -> None:
    edit(folder, "scoring.yaml", "anonymous: 0.15", "anonymous: 0.2")
    edit(folder, "categories.yaml", "severity: 1.0", "severity: 0.99")
    scored = load_rules(scoring=folder / "scoring.yaml")
    assert scored.scoring.max_weight["anonymous"] == 0.2
    assert scored.categories == rules.categories
    graver = load_rules(categories=folder / "categories.yaml")
    assert graver.categories["csam"].severity == 0.99
    assert graver.scoring == rules.scoring
    assert len({each.registry_version for each in (rules, scored, graver)}) == 3
    assert {each.policy_version for each in (scored, graver)} == {rules.policy_version}


# The shipped registry


def test_trust_is_the_lower_bound_of_the_prior(rules: Rules) -> None:
    shown = {kind: round(value, 3) for kind, value in rules.scoring.trust.items()}
    assert shown == {
        "user": 0.276,
        "anonymous": 0.056,
        "trusted_flagger": 0.835,
        "automated": 0.679,
        "state_actor": 0.276,
    }


def test_the_reporter_weights_match_the_design(rules: Rules) -> None:
    scoring = rules.scoring
    assert scoring.membership == {"member": 1.0, "unknown": 0.5, "not_member": 0.2}
    assert scoring.account_age == {
        "under_1d": 0.2,
        "under_1w": 0.4,
        "under_1m": 0.6,
        "under_1y": 0.8,
        "over_1y": 1.0,
        "unknown": 0.6,
    }
    assert scoring.max_weight == {
        "user": 0.35,
        "anonymous": 0.15,
        "trusted_flagger": 0.85,
        "automated": 0.85,
        "state_actor": 0.35,
    }
    assert scoring.unadjusted_kinds == {"trusted_flagger", "automated"}
    assert (scoring.reports_clamp, scoring.classifier_clamp) == (4.0, 3.0)
    assert set(scoring.trust) == set(REPORTER_KINDS)


def test_every_category_has_a_row(rules: Rules) -> None:
    assert set(rules.categories) == set(CATEGORIES)
    floor = {category for category, row in rules.categories.items() if row.floor}
    assert floor == {"csam", "csam_synthetic", "grooming", "threat_to_life", "ncii", "ncii_deepfake"}
    prone = {category for category, row in rules.categories.items() if row.abuse_prone}
    assert prone == {"terrorism", "hate", "civic", "defamation"}
    assert {round(row.prior, 3) for row in rules.categories.values()} == {0.333}
    assert rules.categories["csam"].severity == 1.0
    assert rules.categories["unspecified"].severity == 0.15


# Versions


def test_versions_follow_from_the_content(rules: Rules, folder: Path) -> None:
    for name in FILES:
        text = (folder / name).read_text(encoding="utf-8")
        edited_text = text.replace("severity: 1.0\n", "severity: 1\n").replace("    clear_below: 0.6\n", "")
        (folder / name).write_text(f"# A remark.\n\n{edited_text}", encoding="utf-8")
    edited = load_rules(folder)
    assert edited == rules
    assert re.fullmatch(r"[0-9a-f]{16}", rules.policy_version)
    assert re.fullmatch(r"[0-9a-f]{16}", rules.registry_version)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("law/IN.yaml", "tier: guarded", "tier: closed"),
        ("law/IN.yaml", "duration: PT2H", "duration: PT3H"),
        ("law/territories.yaml", "regions: [EU]", "regions: []"),
        ("law/triggers.yaml", "within: PT1H", "within: PT2H"),
        ("law/location_hints.yaml", "channel: 0.5", "channel: 0.4"),
        ("law/platform.yaml", "value: 0.8", "value: 0.9"),
        ("categories.yaml", "severity: 0.95", "severity: 0.94"),
        ("scoring.yaml", "under_1d: 0.2", "under_1d: 0.25"),
    ],
)
def test_any_change_of_the_registry_changes_its_version(
    rules: Rules, folder: Path, name: str, old: str, new: str
) -> None:
    edit(folder, name, old, new)
    edited = load_rules(folder)
    assert edited.registry_version != rules.registry_version
    assert edited.policy_version == rules.policy_version
