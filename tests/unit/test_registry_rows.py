"""Rows of law: their status, the marks of their parts, and rows in the form of version 0.2."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from streams.registry.agenda import AHEAD, review_day, reviewed_rows
from streams.registry.lint import lint
from streams.registry.loader import load_rules
from streams.registry.row_of_law import NextDay, Penalty
from streams.registry.rules import Rules
from tests.unit.registry_files import edit, refused

BILL = """
  - id: GB.bill
    instrument: A Bill
    article: cl. 1
    title: Take down what a bill says
    status: bill
    next: {day: 2027-02-01, what: second reading}
    owner: registry
    review_by: 2027-01-15
    marks: secondary
    sources: [{title: The text as introduced, url: "https://bill.example/1", read_on: 2026-11-27}]
    penalties: [{amount: up to 60000 pounds, liable: provider, article: cl. 9}]
"""


DUTY = """
  - id: GB.duty
    instrument: An Act
    article: s. 1
    title: Take down what the act says
    categories: [spam]
    trigger: actual_knowledge
    action: remove
    applies_to: everybody
    status: in_force
    in_force_from: 2026-01-01
    owner: registry
    review_by: 2027-01-15
    marks: verified
    sources:
      - title: The act
        url: https://law.example/1
        read_on: 2026-11-27
"""
READ = "read_on: 2026-11-27"

# What is replaced, by what, the field that is named below the row, and what is said.
MISTAKES = [
    ("marks: verified", "marks: sure", ".marks", "'unverified'"),
    ("marks: verified", "marks: {all: sure}", ".marks.all", "'unverified'"),
    ("marks: verified", "marks: {reach: verified}", "", "marks lacks dates"),
    (
        "marks: verified",
        "marks: {all: verified, elements: secondary}",
        "",
        "marks names elements, and the row has none",
    ),
    ("    marks: verified\n", "", "", "needs marks and sources"),
    (
        "marks: verified",
        "source: {url: https://law.example/1, checked: 2026-11-24, verification: verified}",
        "",
        "leave it out",
    ),
    ("        url: https://law.example/1\n", "", "", "the first of sources needs a url"),
    (READ, "read_on: lately", ".sources[0].read_on", "valid date"),
    (READ, f"{READ}\n        quote: shall", ".sources[0]", "its language"),
    (READ, f"{READ}\n        quote: doit\n        language: fr", ".sources[0]", "needs a translation"),
    (READ, f"{READ}\n        translation: shall", ".sources[0]", "needs the quote"),
    (READ, f"{READ}\n        sha256: abc", ".sources[0].sha256", "pattern"),
    ("status: in_force", "status: rumoured", ".status", "'struck_down'"),
    ("    trigger: actual_knowledge\n", "", "", "needs trigger, because it is in force"),
    ("owner: registry", "owner: two words", ".owner", "pattern"),
    (
        "owner: registry",
        "owner: registry\n    penalties: [{amount: a lot}]",
        ".penalties[0].liable",
        "is missing",
    ),
    (
        "owner: registry",
        "owner: registry\n    next: {day: 2027-02-01, why: a vote}",
        ".next.why",
        "unknown field",
    ),
    ("review_by: 2027-01-15", "review_by: 2026-11-27", "", "on which a source was read"),
]


@pytest.mark.parametrize(("old", "new", "field", "says"), MISTAKES)
def test_a_mistake_in_a_row_is_named_with_its_place(
    folder: Path, rules: Rules, old: str, new: str, field: str, says: str
) -> None:
    assert old in DUTY
    path = folder / "law" / "GB.yaml"
    text = path.read_text("utf-8").rstrip()
    place = f"obligations[{text.count('  - id: GB.')}]"
    path.write_text(text + DUTY, encoding="utf-8")
    assert "GB.duty" in {duty.id for duty in load_rules(folder).obligations}
    path.write_text(text + DUTY.replace(old, new), encoding="utf-8")
    refused(folder, "law/GB.yaml", place + field, says)


def with_bill(folder: Path) -> Rules:
    path = folder / "law" / "GB.yaml"
    path.write_text(path.read_text("utf-8").rstrip() + BILL, encoding="utf-8")
    return load_rules(folder)


def test_law_that_is_not_in_force_is_watched_and_no_duty(folder: Path) -> None:
    rules = with_bill(folder)
    assert "GB.bill" not in {duty.id for duty in rules.obligations}
    (bill,) = (row for row in rules.watched if row.id == "GB.bill")
    assert (bill.id, bill.jurisdiction, bill.status, bill.in_force_from) == ("GB.bill", "GB", "bill", None)
    assert bill.next == NextDay(date(2027, 2, 1), "second reading")
    assert bill.penalties == (Penalty("up to 60000 pounds", "provider", "cl. 9"),)
    # It is reviewed as any other row.
    late = lint(rules, date(2027, 1, 16)).overdue
    assert [(row.subject, row.review_by) for row in late if row.id == "GB.bill"] == [
        ("obligation", date(2027, 1, 15))
    ]


@pytest.mark.parametrize("status", ["bill", "adopted", "suspended", "struck_down"])
def test_no_row_arms_a_clock_before_or_after_its_law_is_in_force(folder: Path, status: str) -> None:
    edit(folder, "law/US.yaml", "status: in_force\n    in_force_from: 2026-05-19", f"status: {status}")
    rules = load_rules(folder)
    assert "US.take-it-down.s3" not in {duty.id for duty in rules.obligations}
    assert [row.status for row in rules.watched if row.id == "US.take-it-down.s3"] == [status]


def test_a_row_in_the_form_of_0_2_means_what_it_meant(folder: Path) -> None:
    path = folder / "law" / "US.yaml"
    head, mark, row = path.read_text("utf-8").partition("  - id: US.take-it-down.s3\n")
    kept = row.partition("    status: in_force\n")[0]
    rest = "  # A permission" + row.partition("  # A permission")[2]
    old = """    in_force_from: 2026-05-19
    source: {title: The act, url: "https://law.example/1", checked: 2026-11-24, verification: secondary}
"""
    path.write_text(head + mark + kept + old + rest, encoding="utf-8")
    duty = next(row for row in load_rules(folder).obligations if row.id == "US.take-it-down.s3")
    assert (duty.checked, duty.source_title, duty.source_url) == (
        date(2026, 11, 24),
        "The act",
        "https://law.example/1",
    )
    assert {duty.marks.time, duty.marks.dates, duty.marks.reach, duty.marks.elements} == {"secondary"}
    assert duty.arms
    assert not duty.advisory
    assert duty.lacking == ("status", "owner", "review_by")


def test_every_shipped_row_has_a_status_an_owner_and_a_review_day(rules: Rules) -> None:
    assert [row.id for row in (*rules.obligations, *rules.watched) if row.lacking] == []
    everything = reviewed_rows(rules)
    assert [row for row in everything if row.review_by is None] == []
    # Spread over the year: nobody reviews everything in one month.
    months = Counter(review_day(row).isoformat()[:7] for row in everything)
    assert max(months.values()) < len(everything) // 4
    # Before the next day in the life of a law, or soon after it to see what came of it.
    for row in (*rules.obligations, *rules.watched):
        if row.next is not None and row.next.day > row.checked:
            assert review_day(row) <= row.next.day + AHEAD, row.id


def test_a_platform_decides_whether_secondary_rows_arm(folder: Path, rules: Rules) -> None:
    assert not rules.platform.secondary_rows_arm
    assert {duty.marks.of_clock for duty in rules.obligations if duty.arms} == {"verified"}
    edit(folder, "law/platform.yaml", "secondary_rows_arm: false", "secondary_rows_arm: true")
    trusted = load_rules(folder)
    assert {duty.marks.of_clock for duty in trusted.obligations if duty.arms} == {"verified", "secondary"}
    assert trusted.registry_version != rules.registry_version
    # A platform file of an earlier version does not say.
    edit(folder, "law/platform.yaml", "secondary_rows_arm: true\n", "")
    assert not load_rules(folder).platform.secondary_rows_arm
