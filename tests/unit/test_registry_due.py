"""`tocsin registry due`: what people must do about the law, by when, and what is late."""

import dataclasses
import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from streams.commands.registry import options
from streams.registry.agenda import due_days
from streams.registry.loader import load_rules
from streams.registry.row_of_law import NextDay, WatchedRow
from streams.registry.rules import Rules
from streams.registry.obligation import Obligation
from tests.marked import marked, read_on
from tests.unit.law_reports import duty

SHIPPED = load_rules()
TODAY = date(2026, 11, 28)
LONG_AGO = date(2000, 1, 1)


def row(name: str, **changes: Any) -> Obligation:
    """A duty that asks for nothing within the next years."""
    return duty("NZ", **{"id": f"NZ.{name}", "title": name, "review_by": date(2030, 1, 1)} | changes)


def watched(name: str, status: str, begins: date | None, coming: NextDay | None = None) -> WatchedRow:
    return WatchedRow(
        id=f"NZ.{name}",
        jurisdiction="NZ",
        status=status,  # type: ignore[arg-type]
        instrument="Act",
        article="s. 1",
        title=name,
        in_force_from=begins,
        next=coming,
        sources=read_on(LONG_AGO),
        marks=marked("secondary"),
        owner="registry",
        read_by=None,
        review_by=date(2030, 1, 1),
    )


def law(*duties: Obligation, seen: tuple[WatchedRow, ...] = (), calendars: Any = None) -> Rules:
    return dataclasses.replace(
        SHIPPED,
        obligations=duties,
        watched=seen,
        authorities={},
        jurisdictions={},
        calendars={} if calendars is None else calendars,
    )


def listed(rules: Rules, until: date = date(2027, 2, 26)) -> list[tuple[str, str, str]]:
    return [(str(each.day), each.kind, each.id) for each in due_days(rules, TODAY, until)]


def test_a_review_is_due_by_its_day_and_stays_until_somebody_reviews_the_row() -> None:
    rules = law(
        row("late", review_by=date(2026, 11, 1)),
        row("today", review_by=TODAY),
        row("soon", review_by=date(2027, 2, 26)),
        row("later", review_by=date(2027, 2, 27)),
    )
    assert listed(rules) == [
        ("2026-11-01", "review", "NZ.late"),
        ("2026-11-28", "review", "NZ.today"),
        ("2027-02-26", "review", "NZ.soon"),
    ]


def test_a_duty_that_has_ended_before_is_not_reviewed() -> None:
    ended = row("ended", review_by=date(2027, 1, 1), in_force_until=date(2026, 12, 1))
    assert listed(law(ended)) == [("2026-12-02", "ends", "NZ.ended")]
    assert listed(law(row("old", review_by=date(2026, 1, 1), in_force_until=date(2020, 1, 1)))) == []


def test_workers_apply_a_beginning_by_themselves_so_it_is_due_until_its_day() -> None:
    rules = law(row("today", in_force_from=TODAY), row("past", in_force_from=date(2026, 11, 27)))
    assert listed(rules) == [("2026-11-28", "begins", "NZ.today")]


def test_the_next_day_and_a_commencement_stay_when_they_have_passed() -> None:
    court = NextDay(date(2026, 9, 24), "the court decides")
    rules = law(
        row("disputed", next=court),
        seen=(
            watched("adopted", "adopted", date(2026, 11, 1)),
            watched("bill", "bill", date(2026, 11, 2)),
            watched("suspended", "suspended", date(2026, 1, 1), NextDay(date(2027, 1, 1), "hearing")),
        ),
    )
    assert listed(rules) == [
        ("2026-09-24", "next", "NZ.disputed"),
        ("2026-11-01", "commencement", "NZ.adopted"),
        ("2027-01-01", "next", "NZ.suspended"),
    ]


def test_a_calendar_that_ends_says_which_duties_count_by_it() -> None:
    calendars = {
        name: dataclasses.replace(SHIPPED.calendars[name], known_until=date(2026, 12, 31))
        for name in ("be", "id")
    }
    counted = row("counted", calendar="business_days", holiday_calendar="be")
    found = due_days(law(counted, calendars=calendars), TODAY, date(2026, 12, 31))
    assert [(each.kind, each.id, each.about) for each in found] == [
        ("calendar_ends", "be", "used by NZ.counted"),
        ("calendar_ends", "id", "no duty counts by it"),
    ]


@pytest.fixture
def tocsin(monkeypatch: pytest.MonkeyPatch) -> Any:
    rules = law(
        row("late", review_by=date(2026, 11, 27)),
        row("ahead", next=NextDay(date(2026, 12, 8), "the experiment ends")),
        row("far", review_by=date(2027, 6, 1)),
    )
    monkeypatch.setattr(options, "load_rules", lambda **_: rules)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["registry", "due", "--today", "2026-11-28", *arguments])

    return run


def test_the_table_has_what_is_late_first(tocsin: Any) -> None:
    lines = tocsin().stdout.splitlines()
    assert lines[2].split() == ["2026-11-27", "late", "by", "1", "day", "review", "NZ.late", "late"]
    assert lines[3].startswith("2026-12-08  10 days ")
    assert lines[3].endswith("the experiment ends")
    assert lines[-1] == "2 due within 90 days, 1 of them late."


def test_how_far_to_look_can_be_said(tocsin: Any) -> None:
    rows = [json.loads(line) for line in tocsin("--within", "P200D", "--json").stdout.splitlines()]
    assert [row["id"] for row in rows] == ["NZ.late", "NZ.ahead", "NZ.far"]
    assert rows[1] == {"day": "2026-12-08", "kind": "next", "id": "NZ.ahead", "about": "the experiment ends"}
    assert tocsin("--within", "P5D").stdout.splitlines()[-1] == "1 due within 5 days, 1 of them late."
    for wrong in ("soon", "30"):
        refused = tocsin("--within", wrong)
        assert refused.exit_code == 2
        assert "such as P30D" in refused.stderr


def test_nothing_due_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "load_rules", lambda **_: law(row("quiet")))
    result = CliRunner().invoke(commands, ["registry", "due", "--today", "2026-11-28"])
    assert (result.exit_code, result.stdout) == (0, "Nothing is due within 90 days.\n")


def test_every_row_that_is_shipped_has_a_review_within_the_year() -> None:
    found = due_days(SHIPPED, TODAY, date(2027, 11, 28))
    reviewed = {each.id for each in found if each.kind == "review"}
    ended = {each.id for each in SHIPPED.obligations if each.in_force_until is not None}
    assert {each.id for each in SHIPPED.obligations} - ended <= reviewed
