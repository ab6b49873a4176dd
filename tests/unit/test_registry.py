"""Categories, scoring and versions: what is shipped is right, and a mistake is shown where it was made."""

import re
from pathlib import Path

import pytest
import yaml

from streams.events.report import CATEGORIES, REPORTER_KINDS
from streams.registry.errors import RegistryError
from streams.registry.loader import load_rules
from streams.registry.rules import Rules
from tests.unit.registry_files import copy_files, edit

FILES = ("categories.yaml", "scoring.yaml", "policies.yaml", "law/EU.yaml", "law/triggers.yaml")


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_files(tmp_path)


# What is shipped


def test_trust_is_the_lower_bound_of_the_prior(rules: Rules) -> None:
    shown = {kind: round(value, 3) for kind, value in rules.scoring.trust.items()}
    assert shown == {
        "user": 0.276,
        "anonymous": 0.056,
        "trusted_flagger": 0.835,
        "automated": 0.679,
        "state_actor": 0.276,
    }


def test_weights_of_the_design(rules: Rules) -> None:
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


# Mistakes

MISTAKES = [
    # file, old, new, field, what the message says
    (
        "categories.yaml",
        "severity: 0.85",
        "gravity: 0.85",
        "categories.ncii_deepfake.gravity",
        "fields here are",
    ),
    (
        "categories.yaml",
        "  hate:\n",
        "  hatred:\n",
        "categories.hatred",
        "should be 'csam', 'csam_synthetic'",
    ),
    ("categories.yaml", "severity: 0.95", 'severity: "0.95"', "categories.grooming.severity", "valid number"),
    (
        "categories.yaml",
        "severity: 0.95",
        "severity: 1.5",
        "categories.grooming.severity",
        "less than or equal to 1",
    ),
    ("categories.yaml", "floor: true", "floor: 1", "categories.csam.floor", "valid boolean"),
    ("categories.yaml", "value: 0.333333", "value: 1", "prior.value", "less than 1"),
    (
        "categories.yaml",
        "STATEMENT_CATEGORY_VIOLENCE",
        "VIOLENCE",
        "categories.threat_to_life.dsa_category",
        "'STATEMENT_CATEGORY_ANIMAL_WELFARE'",
    ),
    (
        "scoring.yaml",
        "user: {alpha: 2, beta: 2}",
        "user: {alpha: 0, beta: 2}",
        "trust.values.user.alpha",
        "than 0",
    ),
    (
        "scoring.yaml",
        "user: {alpha: 2, beta: 2}",
        "user: {alpha: 0.1, beta: 9}",
        "trust.values.user",
        "so vague",
    ),
    ("scoring.yaml", "user: 0.35, ", "", "max_weight.values", "has no row for user"),
    ("scoring.yaml", "not_member: 0.2", "non_member: 0.2", "membership.values.non_member", "'not_member'"),
    ("scoring.yaml", "reports: 4.0, ", "", "clamps.values.reports", "is missing"),
    ("policies.yaml", "id: child-safety", "id: legal-clock", "policies[0].id", "is taken"),
]


@pytest.mark.parametrize(("name", "old", "new", "field", "says"), MISTAKES)
def test_a_mistake_is_shown_where_it_is(
    folder: Path, name: str, old: str, new: str, field: str, says: str
) -> None:
    edit(folder, name, old, new)
    with pytest.raises(RegistryError) as caught:
        load_rules(folder)
    problems = str(caught.value).splitlines()
    about = [problem for problem in problems if f" {field}" in problem]
    assert about, problems
    assert any(says in problem for problem in about), problems
    assert all(re.match(rf"{re.escape(name)}:[1-9][0-9]*: ", problem) for problem in problems), problems


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("categories.yaml", "floor: true", "floor: maybe"),
        ("scoring.yaml", "member: 1.0", "member: 0"),
        ("policies.yaml", "window: PT1H", "window: PT7M"),
        ("policies.yaml", "mode: shadow", "mode: dark"),
    ],
)
def test_the_line_is_exact(folder: Path, name: str, old: str, new: str) -> None:
    line = edit(folder, name, old, new)
    with pytest.raises(RegistryError, match=rf"^{re.escape(name)}:{line}: "):
        load_rules(folder)


def test_every_problem_of_a_file_is_named(folder: Path) -> None:
    edit(folder, "categories.yaml", "severity: 0.95", "severity: 2")
    edit(folder, "categories.yaml", "floor: true", "floor: yes")
    with pytest.raises(RegistryError) as caught:
        load_rules(folder)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["scoring.yaml", "categories.yaml"])
def test_an_unsourced_row_is_refused(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    row = {"scoring.yaml": "trust", "categories.yaml": "prior"}[name]
    del content[row]["source"]
    (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(RegistryError, match=rf"{row}\.source: is missing"):
        load_rules(folder)


def test_a_source_names_something(folder: Path) -> None:
    edit(folder, "scoring.yaml", 'title: "Policy default of this registry"\n    ', "")
    with pytest.raises(RegistryError, match=r"membership\.source: must have a title or a url"):
        load_rules(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"policies: ]\n", "policies.yaml:1: not valid YAML"),
        (b"policies: []\n\tx: 1\n", "policies.yaml:2: not valid YAML"),
        (b"policies: []\npolicies: []\n", "policies.yaml:2: not valid YAML: policies is given twice"),
        (b"policies: &all\n  - *all\n", "anchors are not allowed"),
        (b"policies: [2026-02-30]\n", "policies.yaml:1: not valid YAML"),
        (b"policies: [!!python/name:os.system ]\n", "policies.yaml:1: not valid YAML"),
        (b"\xff\xfe", "cannot be read"),
        (b"", "policies.yaml:1: file: should be"),
        (b"- 1\n", "policies.yaml:1: file: should be"),
        (b"policies: {}\n", "policies.yaml:1: policies: should be a valid list"),
    ],
)
def test_what_is_not_yaml(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "policies.yaml"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=re.escape(message)):
        load_rules(policies=path)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "scoring.yaml").unlink()
    with pytest.raises(RegistryError, match=r"scoring\.yaml: cannot be read"):
        load_rules(folder)


# Versions


def test_versions_are_those_of_the_content(rules: Rules, folder: Path) -> None:
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
