"""LintReport that the registry's maintainer should review."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from streams.registry.lint import lint
from streams.registry.rules import HolidayCalendar, Rules

CHECKED = date(2026, 11, 26)


def test_unverified_rows_are_named(rules: Rules) -> None:
    findings = lint(rules, CHECKED)
    duties = {finding.id for finding in findings.unverified if finding.subject == "obligation"}
    assert duties == {duty.id for duty in rules.obligations if duty.verification == "unverified"}
    assert {"FR.lcen.torture", "JP.idpa.decide", "DE.netzdg.s3a"} <= duties
    authorities = {finding.id for finding in findings.unverified if finding.subject == "authority"}
    assert {"TTJA", "PHAROS", "INHOPE"} <= authorities
    places = {finding.id for finding in findings.unverified if finding.subject == "jurisdiction"}
    assert {"IR", "CH", "SJ"} <= places
    assert "DE" not in places


def test_a_finding_has_jurisdiction_date_verification_and_title(rules: Rules) -> None:
    (finding,) = [row for row in lint(rules, CHECKED).unverified if row.id == "FR.lcen.torture"]
    assert (finding.jurisdiction, finding.checked, finding.verification) == ("FR", CHECKED, "unverified")
    assert finding.title.startswith("Remove images of torture")


@pytest.mark.parametrize(("days", "stale"), [(0, False), (180, False), (181, True)])
def test_a_row_not_checked_for_180_days_is_stale(rules: Rules, days: int, stale: bool) -> None:
    first = rules.obligations[0]
    today = first.checked + timedelta(days=days)
    findings = lint(rules, today)
    assert (first.id in {finding.id for finding in findings.stale}) == stale
    everything = [*rules.obligations, *rules.authorities.values(), *rules.jurisdictions.values()]
    assert len(findings.stale) == sum(today - row.checked > timedelta(days=180) for row in everything)
    assert len(findings.future) == sum(row.checked > today for row in everything)


def test_a_recently_checked_row_is_not_stale(rules: Rules) -> None:
    today = CHECKED + timedelta(days=181)
    first, *rest = rules.obligations
    edited = replace(rules, obligations=(replace(first, checked=today), *rest))
    stale = {finding.id for finding in lint(edited, today).stale}
    assert first.id not in stale
    assert {duty.id for duty in rest} <= stale


def test_a_check_dated_in_the_future_is_a_finding(rules: Rules) -> None:
    first, *rest = rules.obligations
    edited = replace(rules, obligations=(replace(first, checked=CHECKED + timedelta(days=1)), *rest))
    assert [finding.id for finding in lint(edited, CHECKED).future] == [first.id]


@pytest.mark.parametrize(("days", "ending"), [(179, ("kr",)), (180, ())])
def test_a_calendar_that_ends_soon_is_named(rules: Rules, days: int, ending: tuple[str, ...]) -> None:
    until = CHECKED + timedelta(days=days)
    calendar = HolidayCalendar(
        "kr", "Asia/Seoul", frozenset({6, 7}), frozenset(), until, "https://example.org/"
    )
    assert lint(replace(rules, calendars={"kr": calendar}), CHECKED).ending_calendars == ending
