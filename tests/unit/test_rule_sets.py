"""Sets of rules: what is in one, and hurtful ones, which are refused when proposed and when read."""

import asyncio
import signal
from dataclasses import replace as dataclass_replace
from itertools import product

import pytest
from msgspec.structs import replace

from streams.contract.events.rules.rule_set import FORMAT, MOST_FILES, RuleFile, RuleSet
from streams.contract.wire.encoding import encode
from streams.contract.wire.rules.rule_set import (
    MOST_BYTES,
    BadRuleSet,
    UnknownFormat,
    decode_rule_set,
    encode_rule_set,
    rule_set_id,
)
from streams.registry.changes.bundle import (
    MOST_LEVELS,
    category_conflicts,
    load_rule_set,
    overlaid,
    rule_files,
)
from streams.registry.reading.errors import RegistryError
from streams.registry.loader import SHIPPED, load_rules
from streams.running.worker.rule_changes.trial import _problems, problems_of, try_rule_set
from tests.shipped import RULES
from tests.unit.registry_files import copy_files

SHIPPED_FILES = rule_files()
SET = RuleSet(FORMAT, None, "policy-7f3a", "the rules until now", SHIPPED_FILES)


def changed(name, text=None, **texts):
    """The shipped set with another text of a file, or without it."""
    texts = {file.name: file.text for file in SHIPPED_FILES} | {name: text} | texts
    files = (RuleFile(each, texts[each]) for each in sorted(texts) if texts[each] is not None)
    return replace(SET, files=tuple(files))


def text_of(name):
    return next(file.text for file in SHIPPED_FILES if file.name == name)


def test_a_set_has_the_versions_of_the_files_of_which_it_is_made(tmp_path):
    assert load_rule_set(SET) == load_rules()
    folder = copy_files(tmp_path)
    law, platform = folder / "law", folder / "own" / "platform.yaml"
    platform.parent.mkdir()
    platform.write_text((law / "platform.yaml").read_text().replace("certainty: 0.", "certainty: 0.0"))
    for arguments in ({"law": law}, {"platform": platform}, {"law": law, "platform": platform}):
        files = rule_files(**arguments)
        loaded, ours = load_rules(**arguments), load_rule_set(replace(SET, files=files))
        assert (ours.policy_version, ours.registry_version) == (
            loaded.policy_version,
            loaded.registry_version,
        )


def test_a_folder_lies_over_the_files_in_force(tmp_path):
    (tmp_path / "policies.yaml").write_text("policies: []\n")
    (tmp_path / "platform.yaml").write_text("other\n")
    over = {file.name: file.text for file in overlaid(SHIPPED_FILES, tmp_path)}
    assert (over["policies.yaml"], over["law/platform.yaml"]) == ("policies: []\n", "other\n")
    assert over["law/DE.yaml"] == text_of("law/DE.yaml")
    (tmp_path / "law").mkdir()
    (tmp_path / "law" / "GLOBAL.yaml").write_text("all of it\n")
    over = {file.name: file.text for file in overlaid(SHIPPED_FILES, tmp_path)}
    assert [name for name in over if name.startswith("law/")] == ["law/GLOBAL.yaml", "law/platform.yaml"]
    with pytest.raises(RegistryError, match="no file of rules"):
        overlaid(SHIPPED_FILES, tmp_path / "law")


def test_a_set_is_read_in_its_one_form_only():
    value = encode_rule_set(SET)
    assert decode_rule_set(rule_set_id(value), value) == SET
    for other in (value + b" ", value.replace(b'{"format":1', b'{ "format":1', 1)):
        with pytest.raises(BadRuleSet, match="one form"):
            decode_rule_set(rule_set_id(other), other)
    with pytest.raises(BadRuleSet, match="hash"):
        decode_rule_set(rule_set_id(value), value.replace(b"until now", b"until two"))
    for files in (SET.files[::-1], (*SET.files, SET.files[-1])):
        with pytest.raises(BadRuleSet, match="order of names, or there twice"):
            encode_rule_set(replace(SET, files=files))
    for name in ("../policies.yaml", "law/../x.yaml", "law/a/b.yaml", "/etc/x.yaml", "law/DE.yaml\n"):
        with pytest.raises(BadRuleSet, match="cannot be read"):
            encode_rule_set(replace(SET, files=(RuleFile(name, ""),)))


def test_a_set_of_another_format_is_told_from_a_broken_one():
    value = encode(replace(SET, format=2))
    with pytest.raises(UnknownFormat, match="format 2"):
        decode_rule_set(rule_set_id(value), value)


def test_a_set_that_is_too_large_is_not_even_parsed():
    value = encode(changed("policies.yaml", "#" * MOST_BYTES))
    assert len(value) > MOST_BYTES
    with pytest.raises(BadRuleSet, match="at most"):
        decode_rule_set(rule_set_id(value), value)


DEEP = "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1)
DEEPER = "[" * 200_000
POLICIES = text_of("policies.yaml")
FIRST_POLICY = POLICIES[POLICIES.index("  - id: child-safety") : POLICIES.index("  - id: intimate-images")]

HURTFUL = {
    "deep": (changed("policies.yaml", DEEP), f"more than {MOST_LEVELS} levels"),
    "deeper": (changed("law/DE.yaml", DEEPER), "DE.yaml:1: not valid YAML: exceeded maximum nesting"),
    "aliases": (changed("scoring.yaml", "a: &a [1]\nb: [*a, *a]\n"), "anchors and aliases"),
    "twice": (changed("policies.yaml", POLICIES + FIRST_POLICY), "ids must be unique"),
    "key twice": (changed("scoring.yaml", "confidence: 1\nconfidence: 2\n"), "is given twice"),
    "missing": (changed("scoring.yaml", None), "scoring.yaml"),
    "empty": (changed("categories.yaml", ""), "categories.yaml"),
    "no law": (replace(SET, files=SET.files[:1]), "territories.yaml"),
    "unknown file": (changed("polices.yaml", ""), "is no file of rules"),
    "unknown field": (changed("policies.yaml", POLICIES + "surprise: 1\n"), "unknown field"),
    "number": (changed("policies.yaml", POLICIES.replace("risk: 0.6", "risk: .inf")), "finite"),
    "golden policy": (
        changed(
            "golden_reports.yaml",
            "cases:\n  - {name: a, people: 1, report: {category: spam}, levels: {spm: 1}}\n",
        ),
        "is no policy of this set",
    ),
    "golden people": (
        changed("golden_reports.yaml", "cases:\n  - {name: a, people: 1000000, report: {}}\n"),
        "less than or equal to 1000",
    ),
}


@pytest.mark.parametrize("name", HURTFUL)
def test_a_hurtful_set_is_refused_with_file_and_reason(name):
    rules, why = HURTFUL[name]
    loaded, problems = problems_of(rules)
    assert loaded is None
    assert any(why in problem for problem in problems), problems


def test_a_hundred_thousand_policies_are_more_than_a_set_may_have_bytes():
    """Of the shortest there can be."""
    row = (
        "  - {id: p%d, mode: off, categories: [ip], window: PT1H, levels: [{level: 1, name: a, when: {reports: "
        "1}}], clear_below: 0, min_clear: PT1H, cooldown: PT1H, reason: x}\n"
    )
    rules = changed("policies.yaml", "policies:\n" + "".join(row % number for number in range(100_000)))
    with pytest.raises(BadRuleSet, match=f"bytes; at most {MOST_BYTES:,} are read"):
        encode_rule_set(rules)


def test_more_files_than_any_law_has_are_refused():
    names = [f"law/{''.join(letters)}.yaml" for letters in product("abcdefghijklmnopqrstuvwxyz", repeat=2)]
    files = tuple(RuleFile(name, "") for name in names[: MOST_FILES + 1])
    with pytest.raises(BadRuleSet, match=f"cannot be read .*{MOST_FILES}"):
        encode_rule_set(replace(SET, files=files))


def test_more_policies_than_anybody_needs_are_refused(monkeypatch):
    monkeypatch.setattr("streams.registry.changes.bundle.MOST_POLICIES", 5)
    with pytest.raises(RegistryError, match="at most 5"):
        load_rule_set(SET)


GOLDEN = """\
cases:
  - name: one report of child abuse
    people: 1
    report: {category: csam}
    levels: {child-safety: %d}
  - name: one report of spam opens nothing
    people: 1
    report: {category: spam}
    levels: {}
"""


def test_golden_reports_must_reach_the_levels_that_the_set_expects():
    _, problems = problems_of(changed("golden_reports.yaml", GOLDEN % 1))
    (found,) = problems or [""]
    # The level of one report is that of the shipped rules, whatever it is; the file must say it.
    right = GOLDEN % 1 if not found else GOLDEN % int(found.partition("reached level ")[2].partition(" ")[0])
    assert problems_of(changed("golden_reports.yaml", right))[1] == []
    _, problems = problems_of(changed("golden_reports.yaml", GOLDEN % 9))
    assert len(problems) == 1
    assert "cases[0] (one report of child abuse): reached level" in problems[0]


def test_a_trial_is_another_process_and_says_what_is_wrong():
    good, bad = encode_rule_set(SET), encode(changed("law/DE.yaml", DEEPER))

    async def tried():
        return await asyncio.gather(*(try_rule_set(rule_set_id(each), each) for each in (good, bad)))

    first, second = asyncio.run(tried())
    assert first.problems == ()
    assert "nesting" in second.problems[0]


def test_a_trial_that_is_killed_is_a_problem_of_the_set(monkeypatch):
    monkeypatch.setattr("streams.running.worker.rule_changes.trial.WALL_SECONDS", 0.01)
    value = encode_rule_set(SET)
    verdict = asyncio.run(try_rule_set(rule_set_id(value), value))
    assert "did not end" in verdict.problems[0]


def test_what_ends_a_trial_from_outside_is_a_problem_of_the_set():
    for number in (signal.SIGXCPU, signal.SIGKILL):
        assert "more than 60 s of a processor" in _problems(b"", -number)[0]
    assert _problems(b"", 1) == ("its trial ended with 1",)
    assert _problems(b"[", 0) == ("its trial ended with 0",)


def test_categories_that_state_needs_must_stay_and_keep_their_codes():
    spam = RULES.categories["spam"]
    without = {name: row for name, row in RULES.categories.items() if name != "spam"}
    moved = without | {"spam": dataclass_replace(spam, code=120)}
    assert category_conflicts(RULES, RULES) == []
    assert category_conflicts(RULES, dataclass_replace(RULES, categories=without)) == ["has no category spam"]
    (found,) = category_conflicts(RULES, dataclass_replace(RULES, categories=moved))
    assert found == f"gives spam another code: 120 instead of {spam.code}"
    assert category_conflicts(dataclass_replace(RULES, categories=without), RULES) == []


def test_what_is_shipped_is_found():
    assert {file.name for file in SHIPPED_FILES} >= {
        path.relative_to(SHIPPED).as_posix() for path in SHIPPED.glob("law/??.yaml")
    }
