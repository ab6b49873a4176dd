"""`tocsin rules diff`: what changes if one set of rules replaces another."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from streams.desk.text.differences.reports_needed import Needed, changed_needs
from streams.desk.text.differences.value_changes import PARTS, policy_changes, value_changes
from streams.contract.events.report import Category
from streams.deciding.reports.rules import compile_report_rules
from streams.deciding.reports.state import ReportState
from streams.registry.loader import load_rules
from streams.registry.policy import Policy
from streams.registry.rules import Rules
from tests.shipped import RULES
from tests.unit.registry_files import copy_files, edit
from tests.unit.traffic import SHIPPED, START, levels, of_topic, policy, report, run

ROOT = Path(__file__).parents[2]
# They read the law several times, and play reports until a level is reached.
pytestmark = pytest.mark.slow

NOTHING = dataclasses.replace(RULES, policies=())
REPORTERS: dict[str, dict[str, Any]] = {
    "anonymous people": {"kind": "anonymous"},
    "people of whom nothing is known": {"kind": "user"},
    "members with an old account": {"kind": "user", "member": True, "account_age": "over_1y"},
    "trusted flaggers": {"kind": "trusted_flagger"},
    "findings of detectors": {"kind": "automated"},
}


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["rules", "diff", *arguments])


def with_policies(*policies: Policy) -> Rules:
    return dataclasses.replace(SHIPPED, policies=policies)


def levels_reached(rules: Rules, needed: Needed, reports: int) -> set[int]:
    """The levels that a channel reaches in a worker after so many reports of one kind in a minute."""
    compiled = compile_report_rules(rules)
    records = []
    for number in range(reports):
        reporter = dict(REPORTERS[needed.senders])
        if needed.senders != "anonymous people":
            reporter["ref"] = f"u{number}"
        records.append(
            report(
                number, START + number, category=needed.category, message_ref=f"m{number}", reporter=reporter
            )
        )
    found = of_topic(run(ReportState(0, 1, compiled), compiled, records), "escalations")
    return {event["level"] for event in found if event["policy"] == needed.policy}


@pytest.mark.parametrize("name", [row.id for row in RULES.policies if row.mode != "off"])
def test_so_many_reports_reach_a_level_in_a_worker_and_one_less_does_not(name: str) -> None:
    # Of a policy in shadow escalations go elsewhere.
    (row,) = (dataclasses.replace(row, mode="live") for row in RULES.policies if row.id == name)
    needs = changed_needs(NOTHING, with_policies(row))
    # Reporters who are linked to each other are none of those who are asked about.
    assert needs or all("linked_share" in level.text for level in row.levels)
    for needed in needs:
        assert needed.old is None
        assert needed.new is not None
        if needed.new <= 60:
            level = needed.level[0]
            assert any(each >= level for each in levels_reached(with_policies(row), needed, needed.new)), (
                needed
            )
            assert all(each < level for each in levels_reached(with_policies(row), needed, needed.new - 1)), (
                needed
            )


def test_a_level_with_a_limit_is_found_though_more_reports_do_not_reach_it() -> None:
    row = policy(levels=levels({"reports": 3, "anonymous_share": ("<", 0.5), "risk": ("<", 0.1)}))
    found = {each.senders: each.new for each in changed_needs(NOTHING, with_policies(row))}
    # The others are all anonymous, or three of theirs have more risk.
    assert found == {"people of whom nothing is known": 3}


def test_policies_are_compared_by_what_they_say() -> None:
    stays, changes, goes, comes = (policy(id=name) for name in ("stays", "changes", "goes", "comes"))
    changed = policy(
        id="changes", mode="shadow", levels=levels({"reports": 4}, {"reports": 9}), cooldown_ms=90_000
    )
    old, new = with_policies(stays, changes, goes), with_policies(stays, changed, comes)
    found = {change.id: change for change in policy_changes(old, new)}
    assert {name: change.change for name, change in found.items()} == {
        "changes": "changed", "comes": "added", "goes": "removed"
    }  # fmt: skip
    assert [tuple(value) for value in found["changes"].values] == [
        ("mode", "live", "shadow"),
        ("level 1 level_1", "reports >= 3", "reports >= 4"),
        ("level 2 level_2", None, "reports >= 9"),
        ("cooldown", "1 h", "90 s"),
    ]
    assert policy_changes(old, old) == ()


def test_whatever_rules_have_is_compared() -> None:
    law = {
        "jurisdictions", "authorities", "location_hints", "obligations", "triggers", "targets", "calendars",
        "platform", "index", "watched", "lapsed_signatures", "regions",
    }  # fmt: skip
    versions = {"policy_version", "registry_version"}
    assert {field.name for field in dataclasses.fields(RULES)} == law | versions | {"policies", *PARTS}
    # And whatever a policy has: another value in it is found.
    row = RULES.policies[0]
    other: dict[str, Any] = {
        "mode": "off", "categories": ("spam", "ip"), "window": "PT7H", "levels": (), "clear_below": 0.1,
        "min_clear_ms": 7_000, "cooldown_ms": 7_000, "reason": "another", "per_hour": 7, "channel_kind": "account",
    }  # fmt: skip
    known_by_others = {"id", "window_ms", "content_hash"}
    assert {field.name for field in dataclasses.fields(row)} == other.keys() | known_by_others
    for name, value in other.items():
        changed = dataclasses.replace(RULES, policies=(dataclasses.replace(row, **{name: value}),))
        assert policy_changes(dataclasses.replace(RULES, policies=(row,)), changed), name


@pytest.mark.parametrize("part", [*PARTS])
def test_every_value_of_every_part_is_compared(part: str) -> None:
    """Whatever field a part has: another value in it is found, by its path."""
    values = getattr(RULES, part)
    if isinstance(values, str | int | float):
        name, new = ("mode", "live") if isinstance(values, str) else ("value", values + 1)
        whole_part: dict[str, Any] = {part: new}
        other = dataclasses.replace(RULES, **whole_part)
        assert [tuple(each) for each in value_changes(RULES, other)[part]] == [(name, values, new)]
        return
    rows = values.items() if isinstance(values, dict) else [(None, values)]
    for key, row in rows:
        for field in dataclasses.fields(row):
            changed = dataclasses.replace(row, **{field.name: "another value"})
            whole = changed if key is None else {**values, key: changed}
            replaced: dict[str, Any] = {part: whole}
            other = dataclasses.replace(RULES, **replaced)
            found = value_changes(RULES, other)
            assert found.keys() == {part}
            path = field.name if key is None else f"{key}, {field.name}"
            assert all(each.name.startswith(path) for each in found[part]), (path, found)
            assert "another value" in [each.new for each in found[part]]


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    return copy_files(tmp_path)


def test_a_copy_of_the_built_in_rules_decides_the_same(candidate: Path) -> None:
    edit(candidate, "policies.yaml", "policies:\n", "# A comment.\npolicies:\n")
    result = diff("built-in", str(candidate))
    assert (result.exit_code, result.output) == (0, f"built-in and {candidate} decide the same.\n")


def test_text_and_json_say_what_changes_and_what_that_means(candidate: Path) -> None:
    edit(candidate, "policies.yaml", "{reports: 1, risk: 0.6}", "{reports: 1, risk: 0.8}")
    edit(candidate, "categories.yaml", "severity: 1.0", "severity: 0.9")
    edit(candidate, "law/GB.yaml", "duration: PT48H", "duration: PT24H")
    edit(candidate, "sources.yaml", "kinds: [user_report]", "kinds: [user_report, automated_detection]")
    text = diff("built-in", str(candidate)).output
    assert "== Policy child-safety: changed\n" in text
    assert "level 2 urgent_review: reports >= 1, risk >= 0.6 -> reports >= 1, risk >= 0.8\n" in text
    assert "== Categories\n  csam, severity: 1 -> 0.9\n" in text
    assert "== Rights of publishers\n  message-reports, kinds: added automated_detection\n" in text
    assert "  child-safety, level 2 urgent_review, csam\n" in text
    assert "== GB United Kingdom" in text
    document = json.loads(diff("built-in", str(candidate), "--json").output)
    assert [each["id"] for each in document["policies"]] == ["child-safety"]
    assert [(each["name"], each["new"]) for each in document["values"]["categories"]] == [
        ("csam, severity", 0.9)
    ]
    assert {(each["level"][0], each["category"]) for each in document["reports_needed"]} >= {(2, "csam")}
    assert document["law"]
    assert document["old"]["policy_version"] == RULES.policy_version
    assert document["new"]["registry_version"] == load_rules(candidate).registry_version


def test_a_folder_replaces_only_the_files_that_it_has(candidate: Path, tmp_path: Path) -> None:
    folder = tmp_path / "policies-alone"
    folder.mkdir()
    (candidate / "policies.yaml").rename(folder / "policies.yaml")
    edit(folder, "policies.yaml", "window: P7D", "window: P5D")
    result = diff("in-use", str(folder))
    assert "window: P7D -> P5D" in result.output
    assert "==" not in result.output.replace("== Policy", "")


def test_what_is_no_set_of_rules_is_refused_with_what_would_be(tmp_path: Path) -> None:
    result = diff("built-in", str(tmp_path))
    assert result.exit_code == 2
    assert "has no file of rules" in result.output
    assert "policies.yaml" in result.output
    result = diff("built-in", str(tmp_path / "missing"))
    assert result.exit_code == 2
    assert "is no folder" in result.output


def test_categories_that_only_one_side_has_are_compared_too() -> None:
    own: Category = "x_own"
    row = dataclasses.replace(RULES.categories["spam"], category=own, code=1_000)
    other = dataclasses.replace(RULES, categories={**RULES.categories, own: row})
    changes = value_changes(RULES, other)["categories"]
    assert {"x_own, severity", "x_own, code"} <= {each.name for each in changes}
    assert all(each.old is None for each in changes)


def test_the_example_of_the_docs_is_what_the_command_prints(candidate: Path) -> None:
    edit(candidate, "policies.yaml", "{reports: 1, risk: 0.6}", "{reports: 1, risk: 0.8}")
    printed = diff("built-in", str(candidate)).output
    text = (ROOT / "docs" / "policies.md").read_text()
    example = text[text.index("    == Policy child-safety: changed") : text.index("### Back-test")]
    lines = [line.removeprefix("    ") for line in example.splitlines() if line.strip()]
    assert len(lines) == 6
    assert all(f"{line}\n" in printed for line in lines), printed
