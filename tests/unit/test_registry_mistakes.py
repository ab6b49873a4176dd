"""A mistake in the registry is refused with its file, line and field."""

import re
from pathlib import Path

import pytest

from streams.registry.reading.document import read_document
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.registry_files import SHIPPED, edit, refused
from tests.yaml_files import dump_yaml, load_yaml

MISTAKES = [
    # file, old, new, field, what the message says
    # categories
    ("categories.yaml", "severity: 0.85", "gravity: 0.85",
     "categories.ncii_deepfake.gravity", "valid fields here"),
    ("categories.yaml", "  hate:\n", "  hatred:\n",
     "categories.hatred", "begin with x_ and go on in small letters, digits and underscores, or be"),
    ("categories.yaml", "severity: 0.95", 'severity: "0.95"', "categories.grooming.severity", "valid number"),
    ("categories.yaml", "severity: 0.95", "severity: 1.5",
     "categories.grooming.severity", "less than or equal to 1"),
    ("categories.yaml", "floor: true", "floor: 1", "categories.csam.floor", "valid boolean"),
    ("categories.yaml", "value: 0.333333", "value: 1", "prior.value", "less than 1"),
    ("categories.yaml", "STATEMENT_CATEGORY_VIOLENCE", "VIOLENCE",
     "categories.threat_to_life.dsa_category", "'STATEMENT_CATEGORY_ANIMAL_WELFARE'"),
    # scoring and policies
    ("scoring.yaml", "user: {alpha: 2, beta: 2}", "user: {alpha: 0, beta: 2}",
     "trust.values.user.alpha", "than 0"),
    ("scoring.yaml", "user: {alpha: 2, beta: 2}", "user: {alpha: 0.1, beta: 9}",
     "trust.values.user", "too wide"),
    ("scoring.yaml", "user: 0.35, ", "", "max_weight.values", "has no row for user"),
    ("scoring.yaml", "not_member: 0.2", "non_member: 0.2", "membership.values.non_member", "'not_member'"),
    ("scoring.yaml", "reports: 4.0, ", "", "clamps.values.reports", "is missing"),
    # trust
    ("reporters.yaml", "anonymous: {alpha: 1, beta: 4}", "anonymous: {alpha: 1, beta: 0}",
     "priors.values.anonymous.beta", "than 0"),
    ("reporters.yaml", "    anonymous: {alpha: 1, beta: 4}\n", "", "priors.values", "has no row for anonymous"),
    ("reporters.yaml", "trusted_flagger: {alpha: 6, beta: 4}", "trusted_flagger: {alpha: 600, beta: 4}",
     "priors.values.trusted_flagger", "at most 0.99"),
    ("reporters.yaml", "state_actor: {alpha: 1, beta: 3}", "state_actor: {alpha: 2, beta: 3}",
     "priors.values.state_actor", "must be that of a user"),
    ("reporters.yaml", "manifestly_unfounded: 5", "manifestly_unfounded: 0.2",
     "outcomes.values.manifestly_unfounded", "at least 0.3"),
    ("reporters.yaml", "medium: {lower: 0.25", "medium: {lower: 0.6", "classes.values.medium", "more than"),
    ("reporters.yaml", "least_probability: 0.2", "least_probability: 0",
     "review.values.least_probability", "greater than or equal to 0.01"),
    ("reporters.yaml", "automated: null, state_actor: 30", "automated: null, state_actor: null",
     "reports_per_day.values.state_actor", "at most 30"),
    ("reporters.yaml", "disputed: 0}", "disputed: 0.9}", "reviewers.values.disputed", "at most 0.8"),
    ("reporters.yaml", "share: 0.3333, alone", "share: 0, alone", "reviewers.values.share", "greater than 0"),
    ("reporters.yaml", "user: 60, ", "user: 4000, ", "channels_per_week.values.user", "less than or equal to 400"),
    ("policies.yaml", "id: child-safety", "id: legal-clock", "policies[0].id", "is reserved"),
    # codes
    ("law/TR.yaml", "code: TR", "code: UK", "code", "rename the file to UK.yaml"),
    ("law/DE.yaml", "regions: [EU]", "regions: [UE]", "regions[0]", "not a region"),
    ("law/DE.yaml", "regions: [EU]", "regions: [FR]", "regions[0]", "not a region"),
    ("law/EEA.yaml", "name: European", "regions: [EU]\nname: European", "regions[0]", "itself in EEA"),
    ("law/EU.yaml", "except_in: [DK]", "except_in: [CH]", "obligations[15].except_in[0]", "not a member of EU"),
    ("law/EU.yaml", "public_only: true", "territory: ZZ", "obligations[8].territory", "has no file"),
    ("law/territories.yaml", "  GP:", "  ZZ:", "territories.ZZ", "ISO 3166-1"),
    ("law/territories.yaml", "  GP:", "  CH:", "territories.CH", "has a file of its own"),
    ("law/territories.yaml", "part_of: FR", "part_of: MC", "territories.GP.part_of", "not a country with a file"),
    ("law/territories.yaml", "regions: [EU]", "regions: [UE]", "territories.GP.regions[0]", "not a region"),
    ("law/location_hints.yaml", "ja: JP", "th: TH", "languages.th", "has no file"),
    # words
    ("law/RU.yaml", "tier: closed", "tier: bad", "rule_of_law.tier", "'open', 'guarded'"),
    ("law/RU.yaml", "tier: closed", "tier: 2026-01-01", "rule_of_law.tier", "'closed'"),
    ("law/EU.yaml", "trigger: user_report", "trigger: rumour", "obligations[4].trigger", "'authority_order'"),
    ("law/KR.yaml", "[ncii, ncii_deepfake, csam", "[ncii, ncii, csam", "obligations[0].categories", "twice"),
    ("law/EU.yaml", "gate: judicial_order", "gate: none", "obligations[3].gate", "'human_review'"),
    ("law/EU.yaml", "name: European Union", "nom: European Union", "nom", "unknown field"),
    ("law/US.yaml", "languages: [en]", "languages: [english]", "languages[0]", "pattern"),
    # authorities
    ("law/GB.yaml", "authority: NCA", "authority: BKA", "obligations[1].authority", "OFCOM, NCA"),
    ("law/DE.yaml", "art18_authority: BKA", "art18_authority: FBI", "art18_authority", "not an authority of DE"),
    ("law/DE.yaml", "dsc: BNETZA", "dsc: BNETZ", "dsc", "BKA, BNETZA"),
    ("law/DE.yaml", "tco_authority: TCO", "tco_authority: THE", "tco_authority", "TCO_AUTHORITY"),
    ("law/DE.yaml", "id: BKA", "id: BNETZA", "authorities[1].id", "ids must be unique"),
    ("law/DE.yaml", "role: police", "role: friend", "authorities[0].role", "'regulator'"),
    # sources
    ("law/GB.yaml", "verification: secondary", "verification: sure", "source.verification", "'unverified'"),
    ("law/GB.yaml", "checked: 2026-11-24", "checked: lately", "source.checked", "valid date"),
    # dates and durations
    ("law/US.yaml", "in_force_from: 2024-05-07", "in_force_from: 2024-05-07\n    in_force_until: 2024-05-06",
     "obligations[0].in_force_until", "before in_force_from"),
    ("law/EU.yaml", "duration: PT1H", "duration: 1h", "obligations[10].duration", "ISO 8601"),
    ("law/EU.yaml", "duration: PT1H", "duration: PT0S", "obligations[10].duration", "longer than zero"),
    ("law/EU.yaml", "duration: P6M", "duration: P6M1D", "obligations[13].duration", "ISO 8601"),
    ("law/EU.yaml", "    duration: P6M\n", "", "obligations[13].meaning", "needs a duration"),
    ("law/EU.yaml", "runs_from: EU.tco.art3-3", "runs_from: EU.tco.art3-6", "obligations[13].runs_from", "a duration"),
    ("law/EU.yaml", "duration: PT1H", "duration: PT1H\n    runs_from: EU.tco.art6",
     "obligations[10].runs_from", "retention period"),
    ("law/EU.yaml", "duration: PT1H", "duration: PT1H\n    calendar: business_days",
     "obligations[10].duration", "whole days"),
    ("law/EU.yaml", "duration: PT1H", "duration: PT1H\n    holiday_calendar: nowhere",
     "obligations[10].holiday_calendar", "not in calendars.yaml"),
    # ids
    ("law/EU.yaml", "id: EU.dsa.art16-5\n", "id: EU.dsa.art16-4\n", "obligations[5].id", "ids must be unique"),
    ("law/KR.yaml", "id: KR.tba", "id: KP.tba", "obligations[0].id", "must begin with KR."),
    # contradictions
    ("law/GB.yaml", "[subject_or_authorised, location,", "[legal_basis, location,",
     "obligations[0].required_elements[0]", "only a report meets statutory_victim_request"),
    ("law/IN.yaml", "legal_basis, exact_location]", "legal_basis, identity]",
     "obligations[0].required_elements[2]", "only an authority's request meets"),
    ("law/KR.yaml", "trigger: actual_knowledge", "trigger: actual_knowledge\n    legal_bases: [dsa_art9]",
     "obligations[0].legal_bases", "only valid for a trigger that an authority's request meets"),
    ("law/KR.yaml", "trigger: actual_knowledge", "trigger: actual_knowledge\n    emergency: true",
     "obligations[0].emergency", "only valid for a trigger that an authority's request meets"),
    ("law/EU.yaml", "    gate: judicial_order\n", "", "obligations[3].gate", "required with action: produce_data"),
    ("law/KR.yaml", "action: remove", "action: remove\n    gate: judicial_order", "obligations[0].gate", "not valid with any other action"),
    ("law/KR.yaml", "trigger: actual_knowledge", "trigger: actual_knowledge\n    enforcing_authority_notified: true",
     "obligations[0].enforcing_authority_notified", "only valid for a trigger that an authority's request meets"),
    ("law/KR.yaml", "trigger: actual_knowledge", "trigger: actual_knowledge\n    questions: [signature]",
     "obligations[0].questions", "only valid for a trigger that an authority's request meets"),
    ("law/EU.yaml", "questions: [territorial_scope, ", "questions: [rank, ", "obligations[0].questions[0]", "'senior_officer'"),
    ("law/US.yaml", "duration: PT48H", "duration: PT48H\n    meaning: not_before",
     "obligations[2].meaning", "only valid for what an authority's request asks"),
    ("law/EU.yaml", "    duration: P10D\n", "", "obligations[16].meaning", "not_before needs a duration"),
    ("law/EU.yaml", "    pausable_for: [force_majeure, manifest_errors, insufficient_information]\n", "",
     "obligations[10].after_pause", "pausable_for allows"),
    ("law/EU.yaml", "exempt_sizes: [micro, small]", "exempt_sizes: [tiny]", "obligations[8].exempt_sizes[0]", "'micro', 'small'"),
    # overlaps
    ("law/IN.yaml", "    in_force_until: 2026-02-19\n", "", "obligations[2]",
     "IN.itr.3-1-d and IN.itr.3-1-d.2025 state the same duty and are both in force on 2026-02-20"),
    ("law/IN.yaml", "in_force_until: 2026-02-19", "in_force_until: 2026-02-20", "obligations[2]", "state the same duty"),
    ("law/AU.yaml", "    beside: [AU.osa.s88]\n", "", "obligations[4]", "`beside: [AU.osa.s88]`"),
    ("law/AU.yaml", "beside: [AU.osa.s88]", "beside: [AU.osa.s89]", "obligations[4].beside[0]", "not the id of another row"),
    ("law/AU.yaml", "beside: [AU.osa.s88]", "beside: [AU.osa.s65]", "obligations[4].beside[0]", "not the id of another row"),
    # triggers and targets
    ("law/triggers.yaml", "user_report: [user_report]", "user_report: [authority_order]",
     "met_by_report.values.user_report[0]", "met by an authority's request only"),
    ("law/triggers.yaml", "[actual_knowledge, awareness", "[data_order, awareness",
     "possible.values.user_report[0]", "met by an authority's request only"),
    ("law/triggers.yaml", "order_to_act: [authority_order]", "order_to_act: [user_report]",
     "met_by_request.values.order_to_act[0]", "met by a report only"),
    ("law/triggers.yaml", "    user_report: [user_report]\n", "", "met_by_report.values", "no row for user_report"),
    ("law/triggers.yaml", "    removal_order: [authority_order]\n", "", "met_by_request.values", "removal_order"),
    ("law/triggers.yaml", "removal_order: [authority_order]", "removal_order: [incomplete_order]",
     "met_by_request.values.removal_order[0]", "met by what a request says"),
    ("law/triggers.yaml", "automated_detection: []", "detector: []", "met_by_report.values.detector", "should"),
    ("law/triggers.yaml", "    swiftly:\n", "    fast:\n", "targets.by_standard.fast", "should"),
    ("law/triggers.yaml", "    timely:\n      within: PT24H", "    timely:\n      within: PT0S", "targets.by_standard.timely.within", "longer"),
    ("law/triggers.yaml", "within: PT1H", "within: P1M", "targets.by_standard.promptly.within", "ISO 8601"),
    ("law/triggers.yaml", "within: PT1H", "within: PT0S", "targets.by_standard.promptly.within", "longer"),
    # platform
    ("law/platform.yaml", "establishment: null", "establishment: CH", "establishment", "not a Member State"),
    ("law/platform.yaml", "country: BE", "country: US", "legal_representative", "not a Member State"),
    ("law/platform.yaml", "[NCMEC, INHOPE", "[NCMC, INHOPE", "safe_recipients.values[0]", "not an authority"),
    ("law/platform.yaml", "value: both", "value: nobody", "fallback.value", "'representative'"),
    ("law/platform.yaml", "size: null", "size: {value: tiny, source: {title: x, checked: 2026-11-24, verification: verified}}",
     "size.value", "'micro', 'small'"),
    ("law/platform.yaml", "value: 0.8", "value: 80", "certainty.value", "less than or equal to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "field", "says"), MISTAKES)
def test_a_mistake_is_reported_with_its_place(
    folder: Path, name: str, old: str, new: str, field: str, says: str
) -> None:
    edit(folder, name, old, new)
    refused(folder, name, field, says)


def test_an_unknown_category_is_reported_with_the_known_ones(folder: Path) -> None:
    edit(folder, "law/KR.yaml", "[ncii, ncii_deepfake, csam", "[nudity, csam")
    problems = refused(folder, "law/KR.yaml", "obligations[0].categories", "should be 'all'")
    assert any(
        "obligations[0].categories[0]: should be 'csam', 'csam_synthetic'" in problem for problem in problems
    ), problems


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("categories.yaml", "floor: true", "floor: maybe"),
        ("scoring.yaml", "member: 1.0", "member: 0"),
        ("policies.yaml", "window: PT1H", "window: PT7M"),
        ("policies.yaml", "mode: shadow", "mode: dark"),
        ("law/JP.yaml", "name: Japan", "name: 5"),
        ("law/EU.yaml", "action: acknowledge", "action: nod"),
        ("law/EU.yaml", "duration: P10D", "duration: P1M1D"),
        ("law/DE.yaml", "authority: BKA", "authority: FBI"),
        ("law/KR.yaml", "in_force_from: 2020-12-10", "in_force_from: 2020-12-32"),
        ("law/triggers.yaml", "within: PT1H", "within: soon"),
    ],
)
def test_the_reported_line_is_exact(folder: Path, name: str, old: str, new: str) -> None:
    line = edit(folder, name, old, new)
    with pytest.raises(RegistryError, match=rf"^{re.escape(Path(name).name)}:{line}: "):
        load_rules(folder)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("9" * 5_000, f"{'9' * 40}... (5,000 characters) is not a whole number of at most 18 digits"),
        (f"-0x{'f' * 5_000}", "(5,003 characters) is not a whole number of at most 18 digits"),
        ("1000000000000000000", "1000000000000000000 is not a whole number of at most 18 digits"),
        ("59:" * 300 + "59", "(902 characters) is not a whole number of at most 18 digits"),
        ("59:" * 300 + "59.5", "(904 characters) is not a number"),
        ("!!int many", "many is not a whole number of at most 18 digits"),
        ("!!int ''", " is not a whole number of at most 18 digits"),
        ("!!float many", "many is not a number"),
        ("!!bool maybe", "maybe is not true or false"),
        ("!!timestamp today", "today is not a date"),
    ],
    ids=lambda text: text[:16],
)
def test_what_is_no_value_of_its_type_is_reported_on_its_line(tmp_path: Path, value: str, said: str) -> None:
    path = tmp_path / "rules.yaml"
    for text in (f"rows:\n  - a: {value}\n", f"rows:\n  ? {value}\n  : 1\n", f"rows: [1,\n  {value}]\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RegistryError) as caught:
            read_document(path)
        assert str(caught.value).startswith("rules.yaml:2: not valid YAML: ")
        assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    "name",
    [
        "categories.yaml", "scoring.yaml", "reporters.yaml", "sources.yaml", "policies.yaml", "law/DE.yaml",
        "law/triggers.yaml", "law/location_hints.yaml", "law/calendars.yaml", "law/platform.yaml",
        "law/territories.yaml",
    ],
)  # fmt: skip
def test_a_huge_number_is_refused_in_every_file(folder: Path, name: str) -> None:
    text = (folder / name).read_text(encoding="utf-8") + f"huge: {'9' * 5_000}\n"
    (folder / name).write_text(text, encoding="utf-8")
    line = text.count("\n")
    with pytest.raises(RegistryError, match=rf"^{Path(name).name}:{line}: .* at most 18 digits$"):
        load_rules(folder)


def test_an_impossible_date_is_reported_on_its_line(folder: Path) -> None:
    line = edit(folder, "law/KR.yaml", "in_force_from: 2020-12-10", "in_force_from: 2020-02-30")
    with pytest.raises(RegistryError, match=rf"^KR\.yaml:{line}: not valid YAML: 2020-02-30 is not a date"):
        load_rules(folder)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("categories.yaml", ("prior",)),
        ("scoring.yaml", ("trust",)),
        ("law/GB.yaml", ()),
        ("law/GB.yaml", ("authorities", 1)),
        ("law/territories.yaml", ("territories", "GP")),
        ("law/triggers.yaml", ("possible",)),
        ("law/triggers.yaml", ("targets",)),
        ("law/location_hints.yaml", ()),
        ("law/platform.yaml", ("fallback",)),
    ],
)
def test_an_unsourced_row_is_refused(folder: Path, name: str, path: tuple[str | int, ...]) -> None:
    content = load_yaml((folder / name).read_text(encoding="utf-8"))
    row = content
    for step in path:
        row = row[step]
    del row["source"]
    (folder / name).write_text(dump_yaml(content), encoding="utf-8")
    spelled = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*path, "source"))
    refused(folder, name, spelled.removeprefix("."), "is missing")


def test_a_source_must_not_be_empty(folder: Path) -> None:
    edit(folder, "scoring.yaml", 'title: "Policy default of this registry"\n    ', "")
    with pytest.raises(RegistryError, match=r"membership\.source: must have a title or a url"):
        load_rules(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"policies: ]\n", "policies.yaml:1: not valid YAML"),
        (b"policies: []\n\tx: 1\n", "policies.yaml:2: not valid YAML"),
        (b"policies: []\npolicies: []\n", "policies.yaml:2: not valid YAML: policies is given twice"),
        (b"policies: &all\n  - *all\n", "anchors and aliases are not allowed"),
        (b"policies: [2026-02-30]\n", "policies.yaml:1: not valid YAML"),
        (b"policies: [!!python/name:os.system ]\n", "policies.yaml:1: not valid YAML"),
        (b"\xff\xfe", "cannot be read"),
        (b"", "policies.yaml:1: file: should be"),
        (b"- 1\n", "policies.yaml:1: file: should be"),
        (b"policies: {}\n", "policies.yaml:1: policies: should be a valid list"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "policies.yaml"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=re.escape(message)):
        load_rules(policies=path)


@pytest.mark.parametrize(
    ("file", "new"),
    [("kr.yaml", "code: KR"), ("KR.yml", "code: KR"), ("KP.yaml", "code: KR")],
)
def test_a_file_must_be_named_after_its_code(folder: Path, file: str, new: str) -> None:
    text = (folder / "law" / "KR.yaml").read_text(encoding="utf-8")
    (folder / "law" / "KR.yaml").unlink()
    (folder / "law" / file).write_text(text, encoding="utf-8")
    refused(folder, file, "code", "rename the file to KR.yaml")


def test_a_code_must_be_a_country_or_a_region_with_members(folder: Path) -> None:
    text = (SHIPPED / "law" / "XX.yaml").read_text(encoding="utf-8")
    (folder / "law" / "ZZ.yaml").write_text(text.replace("code: XX", "code: ZZ"), encoding="utf-8")
    refused(folder, "ZZ.yaml", "code", "must be an ISO 3166-1 alpha-2 code or a region")


def test_an_alias_is_not_accepted_as_a_code(folder: Path) -> None:
    text = (SHIPPED / "law" / "XX.yaml").read_text(encoding="utf-8")
    (folder / "law" / "UK.yaml").write_text(text.replace("code: XX", "code: UK"), encoding="utf-8")
    refused(folder, "UK.yaml", "code", "ISO 3166-1")


@pytest.mark.parametrize(
    "name",
    ["scoring.yaml", "law/GLOBAL.yaml", "law/triggers.yaml", "law/territories.yaml", "law/platform.yaml"],
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(RegistryError, match=rf"{re.escape(name)}: cannot be read"):
        load_rules(folder)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("categories.yaml", [("severity: 0.95", "severity: 2"), ("floor: true", "floor: yes")]),
        ("law/GB.yaml", [("role: regulator", "role: king"), ("action: remove", "action: vanish")]),
    ],
)
def test_every_mistake_of_a_file_is_reported(folder: Path, name: str, changes: list[tuple[str, str]]) -> None:
    for old, new in changes:
        edit(folder, name, old, new)
    with pytest.raises(RegistryError) as caught:
        load_rules(folder)
    assert len(str(caught.value).splitlines()) == 2
