"""The registry's files: what is shipped is right, and a mistake is shown where it was made."""

import re
import shutil
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.registry
from streams.events.report import CATEGORIES, REPORTER_KINDS, ReportKind
from streams.registry.durations import DAY, HOUR, MINUTE, RINGS, parse_duration, window_ring
from streams.registry.errors import RegistryError
from streams.registry.loader import load_rules
from streams.registry.rules import Rules

SHIPPED = Path(streams.registry.__file__).parent
FILES = ("jurisdictions.yaml", "obligations.yaml", "categories.yaml", "scoring.yaml", "policies.yaml")
EU = set("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(SHIPPED / name, tmp_path / name)
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the first `old`; give the line it stood on."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


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


def test_members_have_rows_through_their_regions(rules: Rules) -> None:
    rows = rules.jurisdictions
    assert {code for code, row in rows.items() if "EU" in row.regions} == EU
    assert {code for code, row in rows.items() if "EEA" in row.regions} == EU | {"IS", "LI", "NO"}
    for code in (
        "GLOBAL",
        "EU",
        "EEA",
        "GB",
        "CH",
        "US",
        "KR",
        "IN",
        "BR",
        "AU",
        "SG",
        "JP",
        "TR",
        "RU",
        "IR",
        "XX",
    ):
        assert rows[code].code == code
        assert rows[code].regions == ()
    assert rows["FR"].rule_of_law == rows["NO"].rule_of_law == rows["DE"].rule_of_law == "open"
    assert rows["IR"].rule_of_law == rows["RU"].rule_of_law == "closed"
    assert rows["GLOBAL"].rule_of_law == rows["XX"].rule_of_law == "unknown"


def test_norway_is_a_country_not_a_boolean(rules: Rules) -> None:
    assert rules.jurisdictions["NO"].name == "Norway"
    assert rules.location_hints.language_countries["nb"] == "NO"


def test_language_hints_name_no_language_of_two_countries(rules: Rules) -> None:
    hints = rules.location_hints
    assert hints.language_countries["ko"] == "KR"
    assert hints.language_countries["ja"] == "JP"
    for shared in ("de", "en", "es", "fr", "pt", "el", "tr", "ru", "fa"):
        assert shared not in hints.language_countries
    assert (hints.channel, hints.reporter, hints.language) == (0.5, 0.3, 0.1)


@pytest.mark.parametrize(
    ("id_", "duration", "standard", "trigger", "since", "verification"),
    [
        ("EU.dsa.art16-4", None, "without_undue_delay", "user_report", "2024-02-17", "secondary"),
        ("EU.dsa.art18-1", None, "promptly", "awareness_threat", "2024-02-17", "verified"),
        ("EU.tco.art3-3", "PT1H", None, "authority_order", "2022-06-07", "verified"),
        ("EU.tco.art14-5", None, "promptly", "awareness_threat", "2022-06-07", "secondary"),
        ("EU.e-evidence.art10-4", "PT8H", None, "data_order", "2026-08-18", "verified"),
        (
            "GB.osa.s10-3A",
            "PT48H",
            "as_soon_as_reasonably_practicable",
            "statutory_victim_request",
            "2026-06-29",
            "secondary",
        ),
        ("GB.osa.s66", None, None, "actual_knowledge", "2026-04-07", "secondary"),
        ("US.2258A", None, "as_soon_as_reasonably_possible", "actual_knowledge", "2024-05-07", "verified"),
        ("US.take-it-down.s3", "PT48H", None, "statutory_victim_request", "2026-05-19", "verified"),
        ("KR.tba.art22-5", None, "without_undue_delay", "actual_knowledge", "2020-12-10", "verified"),
        ("AU.osa.s77", "PT24H", None, "regulator_notice", "2022-01-23", "verified"),
        ("IN.itr.3-2-b", "PT2H", None, "statutory_victim_request", "2026-02-20", "secondary"),
        ("JP.idpa.decide", "P7D", None, "statutory_victim_request", "2025-04-01", "unverified"),
    ],
)
def test_obligations(
    rules: Rules,
    id_: str,
    duration: str | None,
    standard: str | None,
    trigger: str,
    since: str,
    verification: str,
) -> None:
    (duty,) = [duty for duty in rules.obligations if duty.id == id_]
    assert (duty.duration, duty.standard, duty.trigger) == (duration, standard, trigger)
    assert (duty.in_force_from.isoformat(), duty.verification) == (since, verification)
    assert duty.checked == date(2026, 11, 24)
    assert duty.source_url.startswith(("https://", "http://"))


def test_a_notice_of_child_abuse_needs_no_name(rules: Rules) -> None:
    needed = {duty.id: duty for duty in rules.obligations if duty.id.startswith("EU.dsa.art16-5")}
    assert "identity" in needed["EU.dsa.art16-5"].required_elements
    assert "identity" not in needed["EU.dsa.art16-5.child-abuse"].required_elements
    covered = [category for duty in needed.values() for category in duty.categories]
    assert sorted(covered) == sorted(CATEGORIES)


def test_no_report_brings_about_an_order(rules: Rules) -> None:
    assert set(rules.triggers) == set(get_args(ReportKind))
    for kind, triggers in rules.triggers.items():
        assert triggers.isdisjoint({"authority_order", "regulator_notice", "data_order"}), kind
    assert {kind for kind, triggers in rules.triggers.items() if "statutory_victim_request" in triggers} == {
        "statutory_victim_request"
    }
    assert {kind for kind, triggers in rules.triggers.items() if "trusted_flagger_notice" in triggers} == {
        "trusted_flagger_notice"
    }
    assert "user_report" not in rules.triggers["automated_detection"]


def test_layers_are_in_order(rules: Rules) -> None:
    layers = [{"GLOBAL": 0, "EU": 1, "EEA": 1}.get(duty.jurisdiction, 2) for duty in rules.obligations]
    assert layers == sorted(layers)


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
    (
        "jurisdictions.yaml",
        "tier: closed",
        "tier: bad",
        "countries[12].rule_of_law.tier",
        "'open', 'guarded'",
    ),
    ("jurisdictions.yaml", "code: TR", "code: UK", "countries[11].code", "ISO 3166-1"),
    ("jurisdictions.yaml", "code: TR", "code: RU", "countries[12].code", "codes are unique"),
    ("jurisdictions.yaml", "IS: Iceland", "ZZ: Iceland", "regions[0].members.ZZ", "ISO 3166-1"),
    ("jurisdictions.yaml", "IS: Iceland", "FR: Iceland", "regions[1].members.FR", "use includes"),
    ("jurisdictions.yaml", "includes: [EU]", "includes: [UE]", "regions[0].includes", "not a region"),
    ("jurisdictions.yaml", "  code: GLOBAL", "  code: WORLD", "global.code", "must be GLOBAL"),
    ("jurisdictions.yaml", "ja: JP", "th: TH", "location_hints.languages.th", "has no row"),
    ("jurisdictions.yaml", "tier: guarded", "tier: 2026-01-01", "countries[6].rule_of_law.tier", "'closed'"),
    (
        "obligations.yaml",
        "id: EU.dsa.art16-5\n",
        "id: EU.dsa.art16-4\n",
        "obligations[1].id",
        "ids are unique",
    ),
    (
        "obligations.yaml",
        "jurisdiction: KR",
        "jurisdiction: KP",
        "obligations[14].jurisdiction",
        "has no row",
    ),
    ("obligations.yaml", "authority: NCA", "authority: BKA", "obligations[11].authority", "OFCOM, NCA"),
    ("obligations.yaml", "duration: PT1H", "duration: 1h", "obligations[5].duration", "ISO 8601"),
    (
        "obligations.yaml",
        "except_in: [DK]",
        "except_in: [CH]",
        "obligations[7].except_in",
        "not a member of EU",
    ),
    (
        "obligations.yaml",
        "trigger: user_report",
        "trigger: rumour",
        "obligations[0].trigger",
        "'authority_order'",
    ),
    (
        "obligations.yaml",
        "in_force_from: 2024-05-07",
        "in_force_from: 2024-05-07\n    in_force_until: 2024-05-06",
        "obligations[12].in_force_until",
        "before in_force_from",
    ),
    (
        "obligations.yaml",
        "      url: https://www.law.cornell.edu/uscode/text/18/2258A\n",
        "",
        "obligations[12].source.url",
        "is missing",
    ),
    ("obligations.yaml", "verification: secondary", "verification: sure", "triggers.source", "'unverified'"),
    (
        "obligations.yaml",
        "    automated_detection: [",
        "    user_report2: [",
        "triggers.values.user_report2",
        "should",
    ),
    ("obligations.yaml", "categories: all", "categories: every", "obligations[0].categories", "'all'"),
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
        ("jurisdictions.yaml", "name: Japan", "name: 5"),
        ("obligations.yaml", "action: acknowledge", "action: nod"),
        ("obligations.yaml", "duration: P10D", "duration: P1M"),
        ("obligations.yaml", "authority: BKA", "authority: FBI"),
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


@pytest.mark.parametrize("name", ["scoring.yaml", "categories.yaml", "jurisdictions.yaml"])
def test_an_unsourced_row_is_refused(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    row = {"scoring.yaml": "trust", "categories.yaml": "prior", "jurisdictions.yaml": "global"}[name]
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
        (b"policies: [", "policies.yaml:1: not valid YAML"),
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
        ("jurisdictions.yaml", "tier: guarded", "tier: closed"),
        ("obligations.yaml", "duration: PT2H", "duration: PT3H"),
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


# Durations


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("PT1H", HOUR),
        ("PT24H", DAY),
        ("P1D", DAY),
        ("P1DT12H", DAY + 12 * HOUR),
        ("P2W", 14 * DAY),
        ("PT30M", 30 * MINUTE),
        ("PT1M30S", 90_000),
        ("PT0S", 0),
    ],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "1h",
        "PT1.5H",
        "P1Y",
        "P1M",
        "PT1H ",
        "-PT1H",
        "P1DT",
        "PT١H",
        "pt1h",
        "PT1M1H",
        "P1W1D",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


@given(st.integers(min_value=-5, max_value=9000))
@settings(deadline=None)
def test_a_window_takes_the_finest_ring_that_holds_it(minutes: int) -> None:
    window = minutes * MINUTE
    holding = [index for index, (pane, panes) in enumerate(RINGS) if 0 < window <= pane * panes]
    if holding and window % RINGS[holding[0]][0] == 0:
        assert window_ring(window) == holding[0]
    else:
        with pytest.raises(ValueError, match="must be a multiple"):
            window_ring(window)


@pytest.mark.parametrize(
    ("text", "ring"), [("PT5M", 0), ("PT1H", 0), ("PT2H", 1), ("PT24H", 1), ("P7D", 2), ("P30D", 2)]
)
def test_windows(text: str, ring: int) -> None:
    assert window_ring(parse_duration(text)) == ring
