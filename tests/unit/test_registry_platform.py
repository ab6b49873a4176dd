"""Holiday calendars, and the operator's facts about the platform."""

from pathlib import Path

import pytest
import yaml

from streams.registry.errors import RegistryError
from streams.registry.loader import load_rules
from tests.unit.registry_files import SHIPPED, edit, refused

# Holiday calendars

CALENDAR = """
calendars:
  - id: kr
    time_zone: Asia/Seoul
    weekend: [6, 7]
    known_until: 2027-12-31
    holidays: [{day: 2027-01-01, name: New Year}]
    source: {url: https://example.org/, checked: 2026-11-24, verification: verified}
"""


def test_a_holiday_calendar_is_read(folder: Path) -> None:
    edit(folder, "law/calendars.yaml", "calendars: []", CALENDAR)
    edit(
        folder,
        "law/AU.yaml",
        "duration: PT24H",
        "duration: P3D\n    calendar: business_days\n    holiday_calendar: kr",
    )
    rules = load_rules(folder)
    calendar = rules.calendars["kr"]
    assert (calendar.time_zone, calendar.weekend, len(calendar.holidays)) == ("Asia/Seoul", {6, 7}, 1)
    assert [duty.holiday_calendar for duty in rules.obligations if duty.calendar == "business_days"] == ["kr"]


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        ("Asia/Seoul", "Asia/Nowhere", "calendars[0].time_zone", "IANA"),
        ("[6, 7]", "[1, 2, 3, 4, 5, 6, 7]", "calendars[0].weekend", "must leave at least one working day"),
        ("[6, 7]", "[0]", "calendars[0].weekend[0]", "greater than or equal to 1"),
        ("day: 2027-01-01", "day: 2028-01-01", "calendars[0].holidays[0].day", "after known_until"),
    ],
)
def test_an_invalid_calendar_is_refused(folder: Path, old: str, new: str, field: str, says: str) -> None:
    edit(folder, "law/calendars.yaml", "calendars: []", CALENDAR.replace(old, new))
    refused(folder, "calendars.yaml", field, says)


def test_a_calendar_given_twice_is_refused(folder: Path) -> None:
    twice = CALENDAR + CALENDAR.partition("calendars:\n")[2]
    edit(folder, "law/calendars.yaml", "calendars: []", twice)
    refused(folder, "calendars.yaml", "calendars[1].id", "ids must be unique")


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
    content = yaml.safe_load((SHIPPED / "law" / "platform.yaml").read_text(encoding="utf-8"))
    content["legal_representative"] = None
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert load_rules(platform=own).platform.legal_representative is None
    content["fallback"]["value"] = "representative"
    own.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(RegistryError, match=r"own\.yaml:\d+: fallback\.value: `representative` needs"):
        load_rules(platform=own)


def test_a_safe_recipient_in_a_closed_state_is_refused(folder: Path) -> None:
    edit(folder, "law/US.yaml", "tier: open", "tier: closed")
    refused(folder, "platform.yaml", "safe_recipients.values[0]", "belongs to a closed jurisdiction")
