"""Holiday calendars, and the operator's facts about the platform."""

from datetime import date
from pathlib import Path

import pytest

from streams.registry.reading.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.registry_files import SHIPPED, edit, refused
from tests.yaml_files import dump_yaml, load_yaml

# Holiday calendars

CALENDAR = """
calendars:
  - id: kr
    state: KR
    time_zone: Asia/Seoul
    weekend: [6, 7]
    known_until: 2027-12-31
    holidays: [{day: 2027-01-01, name: New Year}]
    possible: [2027-02-06]
    working: [2027-01-09]
    source: {url: https://example.org/, checked: 2026-11-24, verification: verified}
"""


def test_a_holiday_calendar_is_read(folder: Path) -> None:
    (folder / "law/calendars.yaml").write_text(CALENDAR)
    edit(
        folder,
        "law/AU.yaml",
        "duration: PT24H",
        "duration: P3D\n    calendar: business_days\n    holiday_calendar: kr",
    )
    rules = load_rules(folder)
    calendar = rules.calendars["kr"]
    assert (calendar.time_zone, calendar.weekend, len(calendar.holidays)) == ("Asia/Seoul", {6, 7}, 1)
    assert (calendar.possible, calendar.working) == ({date(2027, 2, 6)}, {date(2027, 1, 9)})
    assert [duty.holiday_calendar for duty in rules.obligations if duty.calendar == "business_days"] == ["kr"]


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("id: kr", "id: korea", "calendars[0].id", "must be kr, or begin with kr-"),
        ("Asia/Seoul", "Asia/Nowhere", "calendars[0].time_zone", "IANA"),
        ("[6, 7]", "[1, 2, 3, 4, 5, 6, 7]", "calendars[0].weekend", "must leave at least one working day"),
        ("[6, 7]", "[0]", "calendars[0].weekend[0]", "greater than or equal to 1"),
        ("day: 2027-01-01", "day: 2028-01-01", "calendars[0].holidays[0].day", "after known_until"),
    ],
)
def test_an_invalid_calendar_is_refused(folder: Path, old: str, new: str, field: str, says: str) -> None:
    (folder / "law/calendars.yaml").write_text(CALENDAR.replace(old, new))
    refused(folder, "calendars.yaml", field, says)


def test_a_calendar_given_twice_is_refused(folder: Path) -> None:
    twice = CALENDAR + CALENDAR.partition("calendars:\n")[2]
    (folder / "law/calendars.yaml").write_text(twice)
    refused(folder, "calendars.yaml", "calendars[1].id", "ids must be unique")


def test_days_of_union_law_are_counted_where_the_platform_is(folder: Path) -> None:
    def calendar_of_a_production_order() -> str | None:
        rows = {duty.id: duty for duty in load_rules(folder).obligations}
        return rows["EU.e-evidence.art10-3"].holiday_calendar

    assert calendar_of_a_production_order() == "be"
    edit(folder, "law/platform.yaml", "establishment: null", "establishment: HU")
    assert calendar_of_a_production_order() == "hu"
    edit(
        folder,
        "law/EU.yaml",
        "duration: P10D\n    calendar: regulation_1182_71",
        "duration: P10D\n    calendar: regulation_1182_71\n    holiday_calendar: at",
    )
    assert calendar_of_a_production_order() == "at"


def test_days_of_union_law_are_whole(folder: Path) -> None:
    edit(folder, "law/EU.yaml", "duration: P10D", "duration: PT250H")
    refused(
        folder, "EU.yaml", "obligations[16].duration", "must be whole days with calendar: regulation_1182_71"
    )


# The operator's facts


def test_the_platform_can_be_replaced(tmp_path: Path) -> None:
    text = (SHIPPED / "law" / "platform.yaml").read_text(encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("establishment: null", "establishment: IE"), encoding="utf-8")
    rules = load_rules(platform=own)
    assert rules.platform.establishment == "IE"
    assert rules.registry_version != load_rules().registry_version


def test_the_size_of_the_platform_is_a_fact_of_its_own(tmp_path: Path) -> None:
    text = (SHIPPED / "law" / "platform.yaml").read_text(encoding="utf-8")
    assert load_rules().platform.size is None
    own = tmp_path / "own.yaml"
    small = (
        "size: {value: small, source: {title: Accounts 2025, checked: 2026-11-24, verification: verified}}"
    )
    own.write_text(text.replace("size: null", small), encoding="utf-8")
    assert load_rules(platform=own).platform.size == "small"
    # A file of an earlier version has no such fact.
    own.write_text(text.replace("size: null", ""), encoding="utf-8")
    assert load_rules(platform=own).platform.size is None


def test_a_fallback_needs_an_existing_recipient(tmp_path: Path) -> None:
    content = load_yaml((SHIPPED / "law" / "platform.yaml").read_text(encoding="utf-8"))
    content["legal_representative"] = None
    own = tmp_path / "own.yaml"
    own.write_text(dump_yaml(content), encoding="utf-8")
    assert load_rules(platform=own).platform.legal_representative is None
    content["fallback"]["value"] = "representative"
    own.write_text(dump_yaml(content), encoding="utf-8")
    with pytest.raises(RegistryError, match=r"own\.yaml:\d+: fallback\.value: `representative` needs"):
        load_rules(platform=own)


def test_a_safe_recipient_in_a_closed_state_is_refused(folder: Path) -> None:
    edit(folder, "law/US.yaml", "tier: open", "tier: closed")
    refused(folder, "platform.yaml", "safe_recipients.values[0]", "belongs to a closed jurisdiction")
