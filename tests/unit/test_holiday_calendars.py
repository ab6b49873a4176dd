"""The shipped holiday calendars, against dates from official calendars, and the list of what a new release
changes.
"""

import importlib
import sys
from datetime import date
from types import ModuleType

import pytest

from streams.contract.events.countries import COUNTRIES
from streams.registry.calendars import national_calendar
from streams.registry.rules import Rules


def days(year: int, *month_days: tuple[int, int]) -> set[date]:
    return {date(year, month, day) for month, day in month_days}


# Holidays from Monday to Friday, computed by hand: Easter is on 5 April 2026 and 28 March 2027, Orthodox
# Easter on 12 April 2026 and 2 May 2027.
OFFICIAL = {
    # Act of 4 January 1974: ten days.
    ("be", 2026): days(2026, (1, 1), (4, 6), (5, 1), (5, 14), (5, 25), (7, 21), (11, 11), (12, 25)),
    # Nationwide: seven by the law of all Länder, Unity Day by federal law; 3 October 2026 is a Saturday.
    ("de", 2026): days(2026, (1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (12, 25)),
    # Code du travail, art. L3133-1.
    ("fr", 2026): days(2026, (1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14), (11, 11), (12, 25)),
    ("fr", 2027): days(2027, (1, 1), (3, 29), (5, 6), (5, 17), (7, 14), (11, 1), (11, 11)),
    # Labour Code, art. 154: also Good Friday and Easter Monday of the Orthodox Church. A holiday on a weekend
    # moves to Monday: 6 September 2026 is a Sunday, 1 and 2 May, 22 May and 26 December 2027 are on weekends.
    ("bg", 2026): days(
        2026,
        (1, 1),
        (1, 2),
        (3, 3),
        (4, 10),
        (4, 13),
        (5, 1),
        (5, 6),
        (5, 25),
        (9, 7),
        (9, 22),
        (12, 24),
        (12, 25),
        (12, 28),
    ),
}


@pytest.mark.parametrize(("calendar", "year"), OFFICIAL)
def test_working_days_that_are_off(rules: Rules, calendar: str, year: int) -> None:
    shipped = {day for day in rules.calendars[calendar].holidays if day.year == year and day.isoweekday() < 6}
    assert shipped == OFFICIAL[calendar, year]


def test_every_country_with_a_file_has_a_calendar(rules: Rules) -> None:
    states = {
        code
        for code, row in rules.jurisdictions.items()
        if code in COUNTRIES - {"XX"} and row.part_of is None
    }
    assert {code for code in states if national_calendar(code, rules.calendars) is None} == set()
    assert {"CA", "ID", "MY", "NG", "PH", "TW", "VN"} <= {id_.upper() for id_ in rules.calendars}


def test_calendars_with_estimates_end_with_the_year_of_the_release(rules: Rules) -> None:
    until = {id_: calendar.known_until for id_, calendar in rules.calendars.items()}
    short = {id_ for id_, day in until.items() if day == date(2026, 12, 31)}
    assert short == {"ae", "id", "in", "ir", "ke", "ng", "ph"}
    assert {day for id_, day in until.items() if id_ not in short} == {date(2027, 12, 31)}


def test_days_of_a_part_of_the_state_are_only_possible(rules: Rules) -> None:
    germany = rules.calendars["de"]
    # Epiphany in Baden-Württemberg, Bavaria and Saxony-Anhalt.
    assert date(2027, 1, 6) in germany.possible - germany.holidays
    assert all(not calendar.possible & calendar.holidays for calendar in rules.calendars.values())


def test_weekends_are_those_of_the_state(rules: Rules) -> None:
    assert rules.calendars["ir"].weekend == {5}
    assert {id_ for id_, calendar in rules.calendars.items() if calendar.weekend != {6, 7}} == {"ir"}


def test_a_release_that_changes_a_day_is_listed_by_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    # The generator runs in an environment of its own, the only one with the package.
    monkeypatch.setitem(sys.modules, "holidays", ModuleType("holidays"))
    generator = importlib.import_module("generators.holiday_calendars")
    stored = generator.FILE.read_text(encoding="utf-8")
    changed = stored.replace(
        "- {day: 2027-03-29, name: Easter Monday}", "- {day: 2027-03-30, name: Moved}", 1
    )
    assert list(generator.differences(stored, changed)) == [
        "at - - {day: 2027-03-29, name: Easter Monday}",
        "at + - {day: 2027-03-30, name: Moved}",
    ]
    assert list(generator.differences(stored, stored)) == []
