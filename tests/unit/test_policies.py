"""Policies: the shipped ones serve their purpose, and an invalid one is refused with the reason."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from streams.registry.policy import Level, Policy
from streams.registry.rules import Rules
from tests.yaml_files import dump_yaml

VALID: dict[str, Any] = {
    "id": "fraud",
    "mode": "live",
    "categories": ["fraud"],
    "window": "PT1H",
    "levels": [
        {"level": 1, "name": "review", "when": {"reports": 3}},
        {"level": 2, "name": "surge", "when": {"reports": 10, "risk": 2.5}},
    ],
    "clear_below": 0.6,
    "min_clear": "PT30M",
    "cooldown": "PT6H",
    "reason": "A test.",
}


def measures_of(level: Level) -> list[str]:
    return [one.measure.name for one in level.when]


def load(tmp_path: Path, *policies: dict[str, Any]) -> Rules:
    path = tmp_path / "candidate.yaml"
    # Deep copies, because PyYAML writes anchors for an object that appears twice and the loader refuses
    # anchors.
    content = {"policies": [deepcopy(policy) for policy in policies]}
    path.write_text(dump_yaml(content, sort_keys=False), encoding="utf-8")
    return load_rules(policies=path)


# The shipped policies


def test_the_shipped_policies_load(rules: Rules) -> None:
    modes = {policy.id: policy.mode for policy in rules.policies}
    assert modes == {
        "child-safety": "live",
        "intimate-images": "live",
        "threat-to-life": "live",
        "terrorism": "live",
        "persons-at-risk": "live",
        "fraud": "live",
        "spam-flood": "live",
        "harassment-brigade": "shadow",
        "hate": "shadow",
        "fraud-voices": "shadow",
        "spam-flood-voices": "shadow",
        "fraud-linked": "shadow",
    }


@pytest.mark.parametrize("name", ["fraud", "spam-flood"])
def test_a_shadow_policy_with_voices_differs_from_the_live_one_in_nothing_else(
    rules: Rules, name: str
) -> None:
    by_id = {policy.id: policy for policy in rules.policies}
    live, shadow = by_id[name], by_id[f"{name}-voices"]
    with_heads = [(level.name, level.text.replace("voices", "distinct_reporters")) for level in shadow.levels]
    assert with_heads == [(level.name, level.text) for level in live.levels]
    same = ("categories", "window", "clear_below", "min_clear_ms", "cooldown_ms")
    assert all(getattr(live, field) == getattr(shadow, field) for field in same)
    assert all(len(policy.reason) > 80 for policy in rules.policies)
    assert all(policy.clear_below == 0.6 for policy in rules.policies)


def test_floor_categories_reach_a_human_at_the_first_report(rules: Rules) -> None:
    floor = {category for category, row in rules.categories.items() if row.floor}
    covered = set()
    for policy in rules.policies:
        if floor.isdisjoint(policy.categories):
            continue
        covered |= set(policy.categories)
        assert policy.mode == "live"
        assert policy.levels[0].name == "internal_review"
        assert policy.levels[0].text == "reports >= 1"
        for level in policy.levels[1:]:
            # A higher level needs evidence as well as reports. `risk` sums it over all reporters.
            assert "risk" in measures_of(level)
            # Reports without a pseudonym can reach every level, as victims and witnesses may give none.
            assert set(measures_of(level)) <= {"reports", "risk"}
    assert floor <= covered


def test_a_category_is_in_one_live_policy_at_most(rules: Rules) -> None:
    live = [category for policy in rules.policies if policy.mode == "live" for category in policy.categories]
    assert len(live) == len(set(live))


def test_abuse_prone_categories_need_distinct_reporters_above_review(rules: Rules) -> None:
    prone = {category for category, row in rules.categories.items() if row.abuse_prone}
    judged = [policy for policy in rules.policies if not prone.isdisjoint(policy.categories)]
    assert {policy.id for policy in judged} == {"terrorism", "hate"}
    for policy in judged:
        assert all("distinct_reporters" in measures_of(level) for level in policy.levels[1:])


# Reading


def test_a_policy_is_read_with_all_its_fields(tmp_path: Path) -> None:
    (policy,) = load(tmp_path, VALID).policies
    assert isinstance(policy, Policy)
    assert (policy.window, policy.window_ms) == ("PT1H", 3_600_000)
    assert (policy.min_clear_ms, policy.cooldown_ms, policy.clear_below) == (1_800_000, 21_600_000, 0.6)
    assert [(level.level, level.name, level.text) for level in policy.levels] == [
        (1, "review", "reports >= 3"),
        (2, "surge", "reports >= 10, risk >= 2.5"),
    ]


def test_conditions_with_a_comparison_and_any_of_are_read(tmp_path: Path) -> None:
    level = {
        "level": 1,
        "name": "review",
        "when": {"reports": ">= 4", "anonymous_share": "< 0.5", "trusted_flaggers": "<=0"},
        "any_of": {"risk": "> 1.25", "distinct_reporters": 3},
    }
    (policy,) = load(tmp_path, VALID | {"levels": [level]}).policies
    assert policy.levels[0].text == (
        "reports >= 4, anonymous_share < 0.5, trusted_flaggers <= 0, any of (risk > 1.25, distinct_reporters "
        ">= 3)"
    )


def test_a_threshold_with_the_usual_comparison_is_that_number(tmp_path: Path) -> None:
    written = {"levels": [{"level": 1, "name": "a", "when": {"reports": ">= 3"}}]}
    number = {"levels": [{"level": 1, "name": "a", "when": {"reports": 3}}]}
    versions = {load(tmp_path, VALID | levels).policy_version for levels in (written, number)}
    assert len(versions) == 1


@pytest.mark.parametrize("number", ["1234567", "0.1234567", "999999999999", "0.5"])
def test_a_comparison_keeps_all_digits_of_its_threshold(tmp_path: Path, number: str) -> None:
    level = {"level": 1, "name": "a", "when": {"reports": 1, "risk": f"> {number}"}}
    (policy,) = load(tmp_path, VALID | {"levels": [level]}).policies
    assert policy.levels[0].when[1].threshold == float(number)
    assert policy.levels[0].text == f"reports >= 1, risk > {number}"


def test_mode_off_is_not_a_boolean(tmp_path: Path) -> None:
    path = tmp_path / "candidate.yaml"
    path.write_text(dump_yaml({"policies": [VALID]}).replace("mode: live", "mode: off"), encoding="utf-8")
    assert load_rules(policies=path).policies[0].mode == "off"


def test_an_empty_list_of_policies_is_valid(tmp_path: Path) -> None:
    assert load(tmp_path).policies == ()


def test_candidate_policies_do_not_change_the_registry_version(tmp_path: Path, rules: Rules) -> None:
    candidate = load(tmp_path, VALID)
    assert candidate.registry_version == rules.registry_version
    assert candidate.policy_version != rules.policy_version


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    # change, field, what the message says
    ({"mode": "on"}, "policies[0].mode", "'live', 'shadow' or 'off'"),
    ({"categories": ["scam"]}, "policies[0].categories[0]", "'fraud'"),
    ({"categories": []}, "policies[0].categories", "at least 1 item"),
    ({"categories": ["fraud", "fraud"]}, "policies[0].categories", "twice"),
    ({"window": "PT7M"}, "policies[0].window", "multiple of PT5M up to PT1H"),
    ({"window": "PT90M"}, "policies[0].window", "PT1H up to PT24H"),
    ({"window": "P31D"}, "policies[0].window", "P1D up to P30D"),
    ({"window": "PT0S"}, "policies[0].window", "must be a multiple"),
    ({"window": "1h"}, "policies[0].window", "ISO 8601"),
    ({"window": 3600}, "policies[0].window", "valid string"),
    ({"min_clear": "soon"}, "policies[0].min_clear", "ISO 8601"),
    ({"cooldown": "P1M"}, "policies[0].cooldown", "ISO 8601"),
    ({"clear_below": 0}, "policies[0].clear_below", "greater than 0"),
    ({"clear_below": 1.1}, "policies[0].clear_below", "less than or equal to 1"),
    ({"id": "Fraud Watch"}, "policies[0].id", "pattern"),
    ({"reason": ""}, "policies[0].reason", "at least 1 character"),
    (
        {"treshold": 3},
        "policies[0].treshold",
        "valid fields here: budget, categories, channel_kind, clear_below",
    ),
    ({"levels": []}, "policies[0].levels", "at least 1 item"),
    ({"levels": [{"level": 1, "name": "a", "when": {}}]}, "policies[0].levels[0].when", "at least 1 item"),
    ({"levels": [{"level": 1, "name": "a"}]}, "policies[0].levels[0].when", "is missing"),
    (
        {"levels": [{"level": 2, "name": "a", "when": {"reports": 1}}]},
        "policies[0].levels[0].level",
        "must be 1",
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"report": 1}}]},
        "policies[0].levels[0].when.report",
        "'reports', 'distinct_reporters', 'risk', 'trusted_flaggers', 'automated', 'anonymous_share', "
        "'voices', 'linked_share', 'proven_voices', 'per_thousand_members' or 'surprise'",
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"reports": 0}}]},
        "policies[0].levels[0].when.reports",
        "greater than 0",
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"risk": float("inf")}}]},
        "policies[0].levels[0].when.risk",
        "finite",
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"reports": 1.5}}]},
        "policies[0].levels[0].when.reports",
        "whole number",
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"reports": "3"}}]},
        "policies[0].levels[0].when.reports",
        "valid number",
    ),
    *(
        (
            {"levels": [{"level": 1, "name": "a", "when": {"reports": 1} | when}]},
            f"policies[0].levels[0].when.{next(iter(when))}",
            says,
        )
        for when, says in (
            ({"risk": "=< 3"}, 'such as "< 3"'),
            ({"risk": [3]}, "valid number"),
            ({"risk": True}, "valid number"),
            ({"risk": "< 0"}, "greater than 0 for <"),
            ({"risk": -1}, "greater than 0"),
            ({"automated": "< 1.5"}, "whole number"),
            ({"linked_share": "> 1"}, "must be below 1 for >"),
            ({"linked_share": "< 2"}, "must be at most 1"),
            ({"linked_share": "> 0.9999999"}, "must be below 1 for >"),
            ({"risk": "> 1000000000000"}, "less than 1000000000000"),
            ({"risk": "< \N{ARABIC-INDIC DIGIT THREE}"}, "valid number"),
        )
    ),
    *(
        (
            {"levels": [{"level": 1, "name": "a", "when": when} | more]},
            f"policies[0].levels[0].{field}",
            says,
        )
        for when, more, field, says in (
            ({"reports": "< 3", "voices": 3}, {}, "when.reports", "never holds together with voices >= 3"),
            ({"reports": "<= 0", "risk": 0.1}, {}, "when.reports", "never holds together with risk >= 0.1"),
            (
                {"reports": 3, "risk": 2},
                {"any_of": {"risk": "< 2", "automated": 1}},
                "any_of.risk",
                "never holds together with risk >= 2",
            ),
            (
                {"reports": 3, "risk": 2},
                {"any_of": {"automated": 1, "risk": "> 1"}},
                "any_of.risk",
                "always holds, because of risk >= 2 in when",
            ),
        )
    ),
    *(
        (
            {
                "levels": [
                    {"level": 1, "name": "a", "when": {"reports": 1, "risk": lower}},
                    {"level": 2, "name": "b", "when": {"reports": 1, "risk": higher}},
                ]
            },
            "policies[0].levels[1].when.risk",
            says,
        )
        for lower, higher, says in (
            ("> 3", 3, "must be >, as in a lower level"),
            ("< 3", "<= 3", "must be <, as in a lower level"),
        )
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"reports": "< 3"}}]},
        "policies[0].levels[0].when",
        "needs a condition with >= or >: this level holds without any report",
    ),
    (
        {"levels": [{"level": 1, "name": "a", "when": {"reports": 1}, "any_of": {"risk": 1}}]},
        "policies[0].levels[0].any_of",
        "at least 2 items",
    ),
    (
        {
            "levels": [
                {"level": 1, "name": "a", "when": {"reports": 1, "automated": "< 3"}},
                {"level": 2, "name": "b", "when": {"reports": 1, "automated": "<= 4"}},
            ]
        },
        "policies[0].levels[1].when.automated",
        "must be at most 3, the threshold of a lower level",
    ),
    (
        {
            "levels": [
                {"level": 1, "name": "a", "when": {"risk": 2.0}},
                {"level": 2, "name": "b", "when": {"reports": 3}},
                {"level": 3, "name": "c", "when": {"risk": 1.5}},
            ]
        },
        "policies[0].levels[2].when.risk",
        "must be at least 2, the threshold of a lower level",
    ),
    (
        {
            "levels": [
                {"level": 1, "name": "a", "when": {"reports": 2}},
                {"level": 1, "name": "b", "when": {"reports": 3}},
            ]
        },
        "policies[0].levels[1].level",
        "must be 2",
    ),
]


@pytest.mark.parametrize(("change", "field", "says"), REFUSED)
def test_an_invalid_policy_is_refused(tmp_path: Path, change: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(RegistryError) as caught:
        load(tmp_path, VALID | change)
    message = str(caught.value)
    assert re.match(r"candidate\.yaml:\d+: ", message)
    assert f": {field}: " in message
    assert says in message


@pytest.mark.parametrize("when", ["{reports: > 3}", "\n          reports: > 3\n"])
def test_a_comparison_without_quotes_is_refused_with_the_reason(tmp_path: Path, when: str) -> None:
    path = tmp_path / "candidate.yaml"
    path.write_text(f"policies:\n  - levels:\n      - when: {when}", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"candidate\.yaml:[34]: not valid YAML: .* needs quotes"):
        load_rules(policies=path)


def test_two_policies_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"policies\[1\]\.id: is also the id of policies\[0\]"):
        load(tmp_path, VALID, VALID | {"mode": "shadow"})


# Versions


def test_equal_content_has_equal_hashes(tmp_path: Path) -> None:
    before = load(tmp_path, VALID)
    # The order of fields, an omitted default, and a whole number with a decimal point do not change the
    # content.
    reordered = dict(reversed(list(VALID.items())))
    del reordered["clear_below"]
    reordered["levels"] = [
        {"when": {"reports": 3.0}, "name": "review", "level": 1},
        {"when": {"risk": 2.5, "reports": 10}, "name": "surge", "level": 2},
    ]
    after = load(tmp_path, reordered)
    assert after.policy_version == before.policy_version
    assert after.policies[0].content_hash == before.policies[0].content_hash
    assert re.fullmatch(r"[0-9a-f]{16}", before.policies[0].content_hash)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "shadow"},
        {"window": "PT2H"},
        {"cooldown": "PT7H"},
        {"reason": "Another."},
        {"levels": VALID["levels"][:1]},
    ],
)
def test_a_change_changes_both_hashes(tmp_path: Path, change: dict[str, Any]) -> None:
    other = VALID | {"id": "other"}
    before = load(tmp_path, VALID, other)
    after = load(tmp_path, VALID | change, other)
    assert after.policy_version != before.policy_version
    assert after.policies[0].content_hash != before.policies[0].content_hash
    assert after.policies[1].content_hash == before.policies[1].content_hash
