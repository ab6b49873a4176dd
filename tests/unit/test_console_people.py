"""The people file: what it says, and how a wrong one is refused."""

import os
import re
from pathlib import Path

import pytest

from streams.desk.console.casework.permissions import Person
from streams.desk.console.people import people_file, watched_people
from streams.desk.console.people.people_file import People
from streams.desk.console.people.watched_people import WatchedPeople
from streams.registry.categories import built_in_categories
from streams.registry.reading.errors import RegistryError, UnreadableFile

CHILD_SAFETY = {"csam", "csam_synthetic", "grooming"}
USUAL_CATEGORIES = frozenset(built_in_categories()) - CHILD_SAFETY

FILE = """\
roles:
  legal:
    categories: [terrorism, hate]
people:
  - subject: anna@example.org
    ref: desk-7
    role: desk
  - subject: "248289761001"
    ref: child-safety-2
    role: desk
    categories: []
    child_safety: [csam, grooming]
  - subject: c
    ref: legal-1
    role: legal
  - subject: d
    ref: lead-1
    role: lead
    child_safety: [csam]
"""


def load_people(path: Path) -> People:
    return people_file.load_people(path, built_in_categories())


def written(tmp_path, text):
    path = tmp_path / "people.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_role_sees_all_but_child_safety_unless_the_file_says_otherwise(tmp_path):
    people = load_people(written(tmp_path, FILE))
    assert people.of_subject("anna@example.org") == Person("desk-7", "desk", USUAL_CATEGORIES)
    assert people.of_subject("c") == Person("legal-1", "legal", frozenset(["terrorism", "hate"]))
    assert len(USUAL_CATEGORIES) == len(built_in_categories()) - 3


def test_child_safety_is_for_those_who_are_given_it(tmp_path):
    people = load_people(written(tmp_path, FILE))
    child_safety = people.of_subject("248289761001")
    assert child_safety.categories == {"csam", "grooming"}
    lead = people.of_ref("lead-1")
    assert lead.categories == USUAL_CATEGORIES | {"csam"}


def test_nobody_else_is_known(tmp_path):
    people = load_people(written(tmp_path, FILE))
    assert people.of_subject("desk-7") is None
    assert people.of_subject("ANNA@example.org") is None
    assert people.of_ref("anna@example.org") is None
    assert [each.ref for each in people.all()] == ["child-safety-2", "desk-7", "lead-1", "legal-1"]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ("role: desk", "role: boss", 7, "people[0].role", "'desk', 'lead', 'legal'"),
        ("ref: desk-7", "ref: anna@example.org", 6, "people[0].ref", "pseudonym such as desk-7"),
        ("ref: desk-7", "ref: +49 170 1234567", 6, "people[0].ref", "pseudonym such as desk-7"),
        ("ref: desk-7", "ref: lead-1", 17, "people[3].ref", "is that of people[0] in line 6 too"),
        ("subject: d", "subject: c", 16, "people[3].subject", "is that of people[2] in line 13 too"),
        ('"248289761001"', "248289761001", 8, "people[1].subject", "valid string"),
        (
            "child_safety: [csam]",
            "child_safety: [spam]",
            19,
            "people[3].child_safety[0]",
            "must be one of csam",
        ),
        (
            "[terrorism, hate]",
            "[csam]",
            3,
            "roles.legal.categories[0]",
            "list it as child_safety of a person",
        ),
        (
            "categories: []",
            "categories: [grooming]",
            11,
            "people[1].categories[0]",
            "child_safety of a person",
        ),
        ("roles:\n  legal", "roles:\n  boss", 2, "roles.boss", "'desk', 'lead', 'legal'"),
        ("    role: desk\n  -", "    rolle: desk\n  -", 7, "people[0].rolle", "unknown field"),
        ("[terrorism, hate]", "[terorism]", 3, "roles.legal.categories[0]", "'terrorism'"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_field(tmp_path, old, new, line, field, says):
    assert old in FILE
    with pytest.raises(RegistryError) as caught:
        load_people(written(tmp_path, FILE.replace(old, new, 1)))
    problems = str(caught.value).splitlines()
    about = [problem for problem in problems if problem.startswith(f"people.yaml:{line}: {field}: ")]
    assert any(says in problem for problem in about), problems
    assert "anna@" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "one", "another"),
    [
        ("subject", "anna@example.org", "Anna@example.org"),
        ("subject", "jos\u00e9@example.org", "jose\u0301@example.org"),
        ("subject", "stra\u00dfe@example.org", "STRASSE@example.org"),
        ("subject", "anna@example.org", "\uff41nna@example.org"),
        ("ref", "desk-7", "Desk-7"),
        ("ref", "desk-7", "desk_7"),
        ("ref", "desk-7", "DESK:7"),
        ("ref", "a.b~c", "a-b_c"),
    ],
)
def test_nobody_is_listed_twice_in_another_spelling(tmp_path, field, one, another):
    rows = [{"subject": "s-1", "ref": "r-1"}, {"subject": "s-2", "ref": "r-2"}]
    for row, value in zip(rows, (one, another), strict=True):
        row[field] = value
    lines = [
        f"  - {{role: desk,\n     subject: {row['subject']},\n     ref: {row['ref']}}}\n" for row in rows
    ]
    with pytest.raises(RegistryError) as caught:
        load_people(written(tmp_path, "people:\n" + "".join(lines)))
    line, other = {"subject": (6, 3), "ref": (7, 4)}[field]
    said = f"people.yaml:{line}: people[1].{field}: is that of people[0] in line {other} too"
    assert str(caught.value).startswith(said)
    assert another not in str(caught.value)


def test_what_differs_in_more_than_spelling_is_of_two_people(tmp_path):
    rows = [("a_b@example.org", "desk-1-11"), ("a-b@example.org", "desk-11-1"), ("ab@example.org", "desk111")]
    lines = [f"  - {{subject: {subject}, ref: {ref}, role: desk}}\n" for subject, ref in rows]
    people = load_people(written(tmp_path, "people:\n" + "".join(lines)))
    assert len(people.all()) == 3


@pytest.mark.parametrize("text", ["", "people: []\n", "people: [\n", "- a\n"])
def test_a_file_that_lists_nobody_is_refused(tmp_path, text):
    with pytest.raises(RegistryError):
        load_people(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFile):
        load_people(tmp_path / "people.yaml")


def test_a_change_of_the_file_is_noticed_and_a_wrong_one_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(watched_people, "_LOOK_SECONDS", 0.0)
    path = written(tmp_path, FILE)
    people = watched_people.WatchedPeople(path, built_in_categories())
    assert people.now().of_subject("c") is not None

    without = FILE.replace("  - subject: c\n    ref: legal-1\n    role: legal\n", "")
    path.write_text(without, encoding="utf-8")
    assert people.now().of_subject("c") is None

    path.write_text(without.replace("role: lead", "role: boss"), encoding="utf-8")
    assert people.now().of_subject("d") is not None
    path.write_text(without.replace("role: lead", f"role: {'9' * 5_000}"), encoding="utf-8")
    assert people.now().of_subject("d") is not None
    os.remove(path)
    assert people.now().of_subject("d") is not None


def test_the_file_shown_in_the_docs_is_valid(tmp_path):
    page = (Path(__file__).parents[2] / "docs/console-operations.md").read_text(encoding="utf-8")
    (shown,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.S) if "people:" in block]
    people = load_people(written(tmp_path, shown))
    assert people.of_ref("lead-2").categories == {"spam", "fraud", "csam", "grooming"}
