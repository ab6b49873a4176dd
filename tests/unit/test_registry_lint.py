"""LintReport that the registry's maintainer should review."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from streams.registry.agenda import review_day
from streams.registry.lint import lint
from streams.registry.loader import load_rules
from streams.registry.rules import HolidayCalendar, Rules
from streams.registry.obligation import Obligation
from tests.marked import marked, read_on
from tests.unit.registry_files import edit, refused

CHECKED = date(2026, 11, 28)


def test_unverified_rows_are_named(rules: Rules) -> None:
    findings = lint(rules, CHECKED)
    duties = {finding.id for finding in findings.unverified if finding.subject == "obligation"}
    rows = (*rules.obligations, *rules.watched)
    assert duties == {row.id for row in rows if row.verification == "unverified"}
    assert {"FR.lcen.torture", "IN.blocking.r13", "DE.netzdg.s3a"} <= duties
    authorities = {finding.id for finding in findings.unverified if finding.subject == "authority"}
    assert {"TTJA", "PHAROS", "INHOPE"} <= authorities
    places = {finding.id for finding in findings.unverified if finding.subject == "jurisdiction"}
    assert {"IR", "CH", "SJ"} <= places
    assert "DE" not in places


def test_duties_that_only_a_secondary_mark_keeps_from_a_clock_are_named(rules: Rules) -> None:
    row = next(duty for duty in rules.obligations if duty.arms and duty.duration)
    secondary = replace(row, marks=marked("secondary"))
    rows = (
        row,
        secondary,
        replace(secondary, id="US.trusted", secondary_arms=True),
        replace(secondary, id="US.words", duration=None),
        replace(secondary, id="US.ended", in_force_until=CHECKED - timedelta(days=1)),
        replace(row, id="US.memory", marks=marked("unverified")),
    )
    assert lint(replace(rules, obligations=rows), CHECKED).advisory == (row.id,)


def test_verified_numbers_without_a_quote_are_named(rules: Rules) -> None:
    row = next(duty for duty in rules.obligations if duty.arms and duty.duration)
    (source,) = read_on(CHECKED)
    quoted = replace(source, quote="within 24 hours", language="en")
    rows = (
        replace(row, id="US.bare", sources=(source,)),
        replace(row, id="US.quoted", sources=(source, quoted)),
        replace(row, id="US.secondary", sources=(source,), marks=marked("secondary")),
        replace(row, id="US.words", sources=(source,), duration=None),
    )
    assert lint(replace(rules, obligations=rows), CHECKED).unquoted == ("US.bare",)


def test_a_finding_has_jurisdiction_date_verification_and_title(rules: Rules) -> None:
    (finding,) = [row for row in lint(rules, CHECKED).unverified if row.id == "FR.lcen.torture"]
    (row,) = [row for row in rules.obligations if row.id == "FR.lcen.torture"]
    assert (finding.jurisdiction, finding.checked, finding.verification) == ("FR", row.checked, "unverified")
    assert finding.title.startswith("Remove images of torture")


def ended(duty: Obligation, today: date) -> bool:
    return duty.in_force_until is not None and duty.in_force_until < today


@pytest.mark.parametrize(("days", "late"), [(0, False), (180, False), (181, True)])
def test_a_row_is_overdue_180_days_after_it_was_checked(rules: Rules, days: int, late: bool) -> None:
    today = CHECKED + timedelta(days=days)
    findings = lint(without_review_days(rules), today)
    duties = [duty for duty in rules.obligations if not ended(duty, today)]
    everything = len(duties) + len(rules.watched) + len(rules.authorities) + len(rules.jurisdictions)
    assert len(findings.overdue) == (everything if late else 0)
    assert findings.future == ()


def without_review_days(rules: Rules) -> Rules:
    return replace(
        rules,
        obligations=tuple(
            replace(row, sources=read_on(CHECKED), review_by=None) for row in rules.obligations
        ),
        watched=tuple(replace(row, sources=read_on(CHECKED), review_by=None) for row in rules.watched),
        authorities={
            id_: replace(row, checked=CHECKED, review_by=None) for id_, row in rules.authorities.items()
        },
        jurisdictions={
            code: replace(row, checked=CHECKED, review_by=None) for code, row in rules.jurisdictions.items()
        },
    )


def test_a_recently_checked_row_is_not_overdue(rules: Rules) -> None:
    today = CHECKED + timedelta(days=181)
    first, *rest = without_review_days(rules).obligations
    edited = replace(rules, obligations=(replace(first, sources=read_on(today)), *rest))
    overdue = {finding.id for finding in lint(edited, today).overdue}
    assert first.id not in overdue
    assert {duty.id for duty in rest if not ended(duty, today)} <= overdue


@pytest.mark.parametrize(("day", "late"), [("2027-01-10", False), ("2027-01-11", True)])
def test_a_review_date_of_the_row_replaces_the_usual_one(rules: Rules, day: str, late: bool) -> None:
    first, *rest = rules.obligations
    edited = replace(rules, obligations=(replace(first, review_by=date(2027, 1, 10)), *rest))
    found = {finding.id: finding.review_by for finding in lint(edited, date.fromisoformat(day)).overdue}
    assert found.get(first.id) == (date(2027, 1, 10) if late else None)


def test_an_ended_duty_is_not_reviewed_any_more(rules: Rules) -> None:
    first, *rest = rules.obligations
    last = CHECKED + timedelta(days=200)
    edited = replace(rules, obligations=(replace(first, in_force_until=last, review_by=CHECKED), *rest))
    assert first.id in {finding.id for finding in lint(edited, last).overdue}
    assert first.id not in {finding.id for finding in lint(edited, last + timedelta(days=1)).overdue}


def set_review(folder: Path, name: str, after: str, day: str) -> None:
    """Change the first review date below a text of a file."""
    path = folder / "law" / name
    head, found, rest = path.read_text("utf-8").partition(after)
    assert found
    path.write_text(head + found + re.sub(r"review_by: \S+", f"review_by: {day}", rest, count=1), "utf-8")


def test_a_row_gives_its_review_date_in_its_file(folder: Path) -> None:
    set_review(folder, "KR.yaml", "code: KR", "2027-01-10")
    set_review(folder, "KR.yaml", "id: KR.tba.art22-5", "2027-01-11")
    set_review(folder, "US.yaml", "id: NCMEC", "2027-01-12")
    set_review(folder, "territories.yaml", "  GP:", "2027-01-13")
    edited = load_rules(folder)
    duty = next(duty for duty in edited.obligations if duty.id == "KR.tba.art22-5")
    rows = (edited.jurisdictions["KR"], duty, edited.authorities["NCMEC"], edited.jurisdictions["GP"])
    assert [review_day(row).day for row in rows] == [10, 11, 12, 13]


def test_a_review_date_before_the_check_is_refused(folder: Path) -> None:
    set_review(folder, "KR.yaml", "code: KR", "2026-11-24")
    refused(folder, "law/KR.yaml", "file", "review_by must be after the day in source.checked")


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("2026-05-29", []),
        ("2026-05-30", [("2026-06-29", "begins")]),
        ("2026-06-28", [("2026-06-29", "begins")]),
        ("2026-06-29", [("2026-07-29", "ends")]),
        ("2026-07-28", [("2026-07-29", "ends")]),
        ("2026-07-29", []),
    ],
)
def test_duties_that_begin_or_end_within_30_days_are_named(
    rules: Rules, today: str, expected: list[tuple[str, str]]
) -> None:
    duty = replace(rules.obligations[0], in_force_from=date(2026, 6, 29), in_force_until=date(2026, 7, 28))
    findings = lint(replace(rules, obligations=(duty,)), date.fromisoformat(today))
    assert [(str(change.day), change.change) for change in findings.changes] == expected


def test_a_check_dated_in_the_future_is_a_finding(rules: Rules) -> None:
    first, *rest = rules.obligations
    edited = replace(rules, obligations=(replace(first, sources=read_on(CHECKED + timedelta(days=1))), *rest))
    assert [finding.id for finding in lint(edited, CHECKED).future] == [first.id]


@pytest.mark.parametrize(("days", "ending"), [(179, ("kr",)), (180, ())])
def test_a_calendar_that_ends_soon_is_named(rules: Rules, days: int, ending: tuple[str, ...]) -> None:
    until = CHECKED + timedelta(days=days)
    calendar = HolidayCalendar(
        "kr", "Asia/Seoul", frozenset({6, 7}), frozenset(), until, "https://example.org/"
    )
    assert lint(replace(rules, calendars={"kr": calendar}), CHECKED).ending_calendars == ending
