"""LintReport that the registry's maintainer should review."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from streams.registry.lint import lint
from streams.registry.rules import HolidayCalendar, Rules

CHECKED = date(2026, 11, 24)


def test_unverified_rows_are_named(rules: Rules) -> None:
    findings = lint(rules, CHECKED)
    duties = {finding.id for finding in findings.unverified if finding.subject == "obligation"}
    assert duties == {duty.id for duty in rules.obligations if duty.verification == "unverified"}
    assert {"KR.regulator-24h", "JP.idpa.decide", "DE.netzdg.s3"} <= duties
    authorities = {finding.id for finding in findings.unverified if finding.subject == "authority"}
    assert {"EETT", "PHAROS", "INHOPE"} <= authorities
    places = {finding.id for finding in findings.unverified if finding.subject == "jurisdiction"}
    assert {"IR", "CH", "SJ"} <= places
    assert "DE" not in places


def test_a_finding_has_jurisdiction_date_verification_and_title(rules: Rules) -> None:
    (finding,) = [row for row in lint(rules, CHECKED).unverified if row.id == "KR.regulator-24h"]
    assert (finding.jurisdiction, finding.checked, finding.verification) == ("KR", CHECKED, "unverified")
    assert finding.title.startswith("Delete sexual deepfakes")


@pytest.mark.parametrize(("days", "stale"), [(0, False), (180, False), (181, True)])
def test_a_row_not_checked_for_180_days_is_stale(rules: Rules, days: int, stale: bool) -> None:
    findings = lint(rules, CHECKED + timedelta(days=days))
    everything = len(rules.obligations) + len(rules.authorities) + len(rules.jurisdictions)
    assert len(findings.stale) == (everything if stale else 0)
    assert findings.future == ()


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
