"""`tocsin registry diff`: what changes for whom and from when, whatever the form of the rows."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import Field

from streams.commands.main import commands, main
from streams.desk.text.differences import law_items
from streams.desk.text.differences.law_text import diff_text
from streams.desk.text.differences.law_diff import Change, Law, compare, read_law
from streams.desk.text.differences.law_items import read_items
from streams.registry.reading.document import read_document
from streams.registry.loader import SHIPPED_LAW, load_rules
from streams.registry.shapes.law import JurisdictionFile
from streams.registry.shapes.obligation import ObligationRow as ShippedRow
from tests.shipped import RULES
from tests.unit.registry_files import add_obligations, edit

# Each reads the whole law twice.
pytestmark = pytest.mark.slow

SHIPPED = read_law("built-in", SHIPPED_LAW, None, RULES)
TODAY = date(2026, 11, 24)

# Of a country on whose rows no other test depends.
OBLIGATION = """\
  - id: CH.first
    instrument: Act on Tests
    article: s. 1
    title: Take it down
    categories: [ncii]
    trigger: statutory_victim_request
    required_elements: [location, contact]
    action: remove
    duration: PT48H
    applies_to: hosting services
    status: in_force
    in_force_from: 2026-03-01
    owner: desk
    review_by: 2027-02-01
    marks: verified
    sources: [{url: "https://law.example/1", read_on: 2026-11-24}]
"""
SECOND = OBLIGATION.replace("CH.first", "CH.second")


def with_obligation(folder: Path, text: str = OBLIGATION) -> Path:
    """Add obligations to the law of Switzerland, in a folder of its own."""
    add_obligations(folder / "law" / "CH.yaml", text)
    return folder / "law"


def read(law: Path) -> Law:
    return read_law(law.name, law, None, load_rules(law=law))


def changes(old: Law, new: Law, today: date = TODAY) -> dict[str, Change]:
    return {change.id: change for change in compare(old, new, today)}


def fields(change: Change) -> dict[str, tuple[Any, Any]]:
    return {field.field: (field.old, field.new) for field in change.fields}


@pytest.fixture
def first(folder: Path) -> Law:
    """The shipped law with one obligation in Switzerland, of which `folder` is the copy."""
    return read(with_obligation(folder))


def diff(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["registry", "diff", *map(str, arguments), "--today", "2026-11-24"])


def test_a_copy_is_the_same(folder: Path) -> None:
    result = diff("built-in", folder / "law")
    assert (result.exit_code, result.stdout.endswith(": the law is the same.\n")) == (0, True)


def test_a_new_obligation_counts_from_its_first_day(folder: Path) -> None:
    law = with_obligation(folder, OBLIGATION.replace("2026-03-01", "2027-03-01"))
    (change,) = compare(SHIPPED, read(law), TODAY)
    assert (change.jurisdiction, change.kind, change.id) == ("CH", "obligation", "CH.first")
    assert (change.change, change.first_day, change.retroactive) == ("added", date(2027, 3, 1), False)
    shown = fields(change)
    assert shown["duration"] == (None, "PT48H")
    # Defaults are left out.
    assert "public_only" not in shown and "in_force_until" not in shown
    assert change.effect == (None, "runs from receipt, if it contains: location, contact")
    (back,) = compare(read(law), SHIPPED, TODAY)
    assert (back.change, back.first_day, back.effect) == (
        "removed",
        date(2027, 3, 1),
        (change.effect[1], None),
    )
    assert fields(back) == {name: (new, old) for name, (old, new) in shown.items()}


@pytest.mark.parametrize(("today", "past"), [("2026-02-28", False), ("2026-03-01", True)])
def test_an_obligation_is_retroactive_from_its_first_day_on(first: Law, today: str, past: bool) -> None:
    (change,) = compare(SHIPPED, first, date.fromisoformat(today))
    assert (change.first_day, change.retroactive) == (date(2026, 3, 1), past)


def test_a_changed_field_counts_since_the_row_is_in_force(first: Law, folder: Path) -> None:
    edit(folder, "law/CH.yaml", "duration: PT48H", "duration: PT24H")
    (change,) = compare(first, read(folder / "law"), TODAY)
    assert (change.change, change.first_day, change.retroactive) == ("changed", date(2026, 3, 1), True)
    assert fields(change) == {"duration": ("PT48H", "PT24H")}
    shown = diff(SHIPPED_LAW, folder / "law").stdout
    assert "Retroactive: CH.first (from 2026-03-01)." in " ".join(shown.split())


def test_a_row_that_replaces_another_is_compared_with_it(first: Law, folder: Path) -> None:
    edit(
        folder,
        "law/CH.yaml",
        "in_force_from: 2026-03-01",
        "in_force_from: 2026-03-01\n    in_force_until: 2027-02-28",
    )
    new = SECOND.replace("2026-03-01", "2027-03-01").replace("PT48H", "PT24H").replace(", contact", "")
    law = with_obligation(folder, new)
    found = changes(first, read(law))
    assert list(found) == ["CH.first", "CH.second"]
    ended, started = found.values()
    assert (ended.change, ended.first_day, ended.retroactive) == ("changed", date(2027, 3, 1), False)
    assert fields(ended) == {"in_force_until": (None, "2027-02-28")}
    assert (started.change, started.replaces, started.first_day) == ("added", "CH.first", date(2027, 3, 1))
    assert fields(started) == {
        "duration": ("PT48H", "PT24H"),
        "required_elements": (["location", "contact"], ["location"]),
    }
    text = " ".join(diff(SHIPPED_LAW, law).stdout.split())
    assert "CH.second: new from 2027-03-01 (day of receipt), replaces CH.first" in text
    assert "duration 48 hours (PT48H) -> 24 hours (PT24H)" in text
    assert "required elements removed: contact" in text
    assert "Retroactive: CH.first" in text


@pytest.mark.parametrize(
    ("trigger", "categories", "since"),
    [
        ("user_report", "ncii", "2027-03-01"),
        ("statutory_victim_request", "fraud", "2027-03-01"),
        ("statutory_victim_request", "ncii", "2027-03-02"),
    ],
)
def test_another_duty_or_a_gap_replaces_nothing(
    folder: Path, trigger: str, categories: str, since: str
) -> None:
    with_obligation(folder, OBLIGATION.replace("2026-03-01", "2026-03-01\n    in_force_until: 2027-02-28"))
    old = read(folder / "law")
    new = SECOND.replace("2026-03-01", since).replace("ncii", categories)
    law = with_obligation(folder, new.replace("trigger: statutory_victim_request", f"trigger: {trigger}"))
    (change,) = compare(old, read(law), TODAY)
    assert change.replaces is None


@pytest.mark.parametrize(
    ("old", "new", "day"),
    [
        ("2027-02-28", "2027-06-30", "2027-03-01"),
        ("2027-06-30", "2027-02-28", "2027-03-01"),
        ("2027-02-28", None, "2027-03-01"),
    ],
)
def test_another_last_day_counts_from_the_day_after_the_earlier_one(
    folder: Path, old: str, new: str | None, day: str
) -> None:
    with_obligation(folder, OBLIGATION.replace("2026-03-01", f"2026-03-01\n    in_force_until: {old}"))
    before = read(folder / "law")
    edit(folder, "law/CH.yaml", f"    in_force_until: {old}\n", f"    in_force_until: {new}\n" if new else "")
    (change,) = compare(before, read(folder / "law"), TODAY)
    assert (change.first_day, change.retroactive) == (date.fromisoformat(day), False)


def test_a_mark_that_lets_a_clock_run_is_shown_with_the_clock(first: Law, folder: Path) -> None:
    edit(folder, "law/CH.yaml", "marks: verified", "marks: unverified")
    (change,) = compare(first, read(folder / "law"), TODAY)
    assert fields(change) == {"marks": ("verified", "unverified")}
    runs, none = change.effect or ("", "")
    assert (runs or "").startswith("runs from receipt")
    assert (none or "").startswith("none, because this row is not verified")


def test_upkeep_changes_no_decision(first: Law, folder: Path) -> None:
    edit(folder, "law/CH.yaml", "review_by: 2027-02-01", "review_by: 2027-01-10")
    edit(folder, "law/CH.yaml", "read_on: 2026-11-24", "read_on: 2026-11-25")
    edit(folder, "law/CH.yaml", "owner: desk", "owner: registry\n    next: {day: 2027-01-20, what: a vote}")
    (change,) = compare(first, read(folder / "law"), TODAY)
    assert (change.first_day, change.retroactive) == (None, False)
    assert fields(change).keys() == {"review_by", "owner", "sources", "next.day", "next.what"}
    assert "CH.first: only its upkeep changed; decisions stay the same" in diff_text_of(first, folder)


def test_the_published_address_of_a_source_is_no_upkeep(first: Law, folder: Path) -> None:
    edit(folder, "law/CH.yaml", "https://law.example/1", "https://law.example/2")
    (change,) = compare(first, read(folder / "law"), TODAY)
    assert change.first_day == date(2026, 3, 1)


def test_a_row_that_is_only_watched_changes_nothing_on_any_day(first: Law, folder: Path) -> None:
    edit(folder, "law/CH.yaml", "status: in_force\n    in_force_from: 2026-03-01", "status: bill")
    watched = read(folder / "law")
    (change,) = compare(SHIPPED, watched, TODAY)
    assert (change.id, change.change, change.first_day) == ("CH.first", "added", None)
    # Once the law is in force, the row is an obligation from its first day on.
    (begins,) = compare(watched, first, TODAY)
    assert (begins.change, begins.first_day) == ("changed", date(2026, 3, 1))
    assert begins.effect == (None, "runs from receipt, if it contains: location, contact")


def test_law_that_nothing_starts_changes_nothing_on_any_day(folder: Path) -> None:
    standing = """\
  - id: CH.standing
    instrument: Act on Tests
    article: s. 2
    title: A court may do something
    status: in_force
    owner: desk
    review_by: 2027-02-01
    marks: verified
    sources: [{url: "https://law.example/1", read_on: 2026-11-24}]
"""
    (change,) = compare(SHIPPED, read(with_obligation(folder, standing)), TODAY)
    assert (change.id, change.change, change.first_day) == ("CH.standing", "added", None)


def test_trust_in_secondary_rows_changes_their_clocks(first: Law, folder: Path) -> None:
    edit(folder, "law/CH.yaml", "marks: verified", "marks: secondary")
    before = read(folder / "law")
    edit(folder, "law/platform.yaml", "secondary_rows_arm: false", "secondary_rows_arm: true")
    found = changes(before, read(folder / "law"))
    old, new = found["CH.first"].effect or ("", "")
    assert (old or "").endswith("advisory: by the row it would be due within 48 hours")
    assert (new or "").startswith("runs from receipt")


def diff_text_of(old: Law, folder: Path) -> str:
    new = read(folder / "law")
    return diff_text(old, new, compare(old, new, TODAY))


def test_a_table_changes_the_clocks_of_rows_that_stay_the_same(first: Law, folder: Path) -> None:
    edit(folder, "law/triggers.yaml", "promptly:\n      within: PT1H", "promptly:\n      within: PT30M")
    found = changes(first, read(folder / "law"))
    promptly = {
        duty.id for duty in RULES.obligations if duty.standard == "promptly" and duty.duration is None
    }
    assert found.keys() == {"triggers.yaml", *promptly} and promptly
    assert {change.change for id_, change in found.items() if id_ in promptly} == {"affected"}
    table = found["triggers.yaml"]
    assert (table.jurisdiction, table.kind, table.change) == (None, "table", "changed")
    assert fields(table) == {"targets.by_standard.promptly.within": ("PT1H", "PT30M")}
    shown = " ".join(diff(SHIPPED_LAW, folder / "law").stdout.split())
    assert "1 hour (PT1H) -> 30 minutes (PT30M)" in shown


def test_a_tier_changes_the_gate_of_the_state_and_of_its_territories(folder: Path) -> None:
    edit(folder, "law/FR.yaml", "tier: open", "tier: guarded")
    found = changes(SHIPPED, read(folder / "law"))
    state, territory = found["FR"], found["MQ"]
    assert fields(state) == {"rule_of_law.tier": ("open", "guarded")}
    assert state.effect == ("open, human review", "guarded, two person review")
    assert (territory.change, territory.effect, territory.fields) == ("affected", state.effect, ())
    assert (state.first_day, state.retroactive) == (None, False)


def test_a_new_country_is_listed_with_its_authorities_and_obligations(folder: Path) -> None:
    text = (folder / "law" / "CH.yaml").read_text("utf-8").replace("code: CH", "code: CL")
    text = text.partition("\nobligations:\n")[0]
    authority = """
authorities:
  - id: CLASSIFICATION_OFFICE
    name: Classification Office
    role: regulator
    source: {title: For a test, checked: 2026-11-24, verification: unverified}
"""
    (folder / "law" / "CL.yaml").write_text(text + authority, "utf-8")
    add_obligations(folder / "law" / "CL.yaml", OBLIGATION.replace("CH.", "CL."))
    found = compare(SHIPPED, read(folder / "law"), TODAY)
    assert [(change.jurisdiction, change.kind, change.id, change.change) for change in found] == [
        ("CL", "obligation", "CL.first", "added"),
        ("CL", "authority", "CLASSIFICATION_OFFICE", "added"),
        ("CL", "jurisdiction", "CL", "added"),
    ]


def test_changes_are_in_the_order_of_the_registry_and_always_the_same(folder: Path) -> None:
    for name in ("KR", "GB", "EU", "HU"):
        edit(folder, f"law/{name}.yaml", "checked: 2026-11-24", "checked: 2026-11-25")
    edit(folder, "law/platform.yaml", "value: 0.8", "value: 0.9")
    new = read(folder / "law")
    found = compare(SHIPPED, new, TODAY)
    assert [change.jurisdiction for change in found] == ["EU", "GB", "HU", "KR", None]
    shuffled = Law("built-in", RULES, dict(reversed(SHIPPED.items.items())))
    assert compare(shuffled, new, TODAY) == found
    heading = diff("built-in", folder / "law").stdout.partition("== EU European Union\n")[2]
    assert heading.startswith("also the law of AT, BE, BG,")


def test_a_field_that_is_added_to_the_form_is_shown_and_explained(
    first: Law, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ObligationRow(ShippedRow):
        small_enterprises: bool = Field(True, description="whether it binds small enterprises")
        not_before: str | None = None

    class Wider(JurisdictionFile):
        obligations: list[ObligationRow] = Field(default_factory=list)  # type: ignore[assignment]

    monkeypatch.setattr(law_items, "JurisdictionFile", Wider)
    edit(
        folder,
        "law/CH.yaml",
        "    duration: PT48H",
        "    duration: PT48H\n    small_enterprises: false\n    not_before: P10D",
    )
    old = Law("old", first.rules, read_items(SHIPPED_LAW, None))
    new = Law("new", first.rules, read_items(folder / "law", None))
    (added,) = compare(old, new, TODAY)
    assert fields(added)["small_enterprises"] == (None, False)
    edit(folder, "law/CH.yaml", "small_enterprises: false", "small_enterprises: true")
    (change,) = compare(new, Law("newer", first.rules, read_items(folder / "law", None)), TODAY)
    assert [tuple(field) for field in change.fields] == [
        ("small_enterprises", "whether it binds small enterprises", False, True)
    ]
    assert change.first_day == date(2026, 3, 1)


def test_a_file_that_one_side_lacks_and_a_state_without_a_file(folder: Path) -> None:
    """Tables that are added to the folder are compared as well, and older folders do not have them."""
    (folder / "law" / "rule_of_law.yaml").unlink()
    older = Law("older", RULES, read_items(folder / "law", None))
    added, removed = compare(older, SHIPPED, TODAY), compare(SHIPPED, older, TODAY)
    assert {change.change for change in added} == {"added"}
    assert {change.change for change in removed} == {"removed"}
    assert {change.id for change in added} == {change.id for change in removed} >= {"PK", "AT", "VN"}
    (change,) = (change for change in added if change.id == "PK")
    assert (change.jurisdiction, change.kind, change.change) == ("PK", "state values", "added")
    assert "== PK (no file of its own)\n\nstate values PK: new" in diff_text(older, SHIPPED, (change,))


@pytest.mark.parametrize(("today", "past"), [("2026-12-31", False), ("2027-01-01", True)])
def test_values_that_hold_until_a_day_change_on_the_next_one(today: str, past: bool) -> None:
    """A list of earlier values, each with its last day: a form that other rows than obligations may have."""

    def with_earlier(*entries: dict[str, str]) -> Law:
        key = law_items.Key("HU", "jurisdiction", "HU")
        fields = SHIPPED.items[key] | {"rule_of_law.earlier": law_items.Field([*entries], [], None)}
        return Law("law", RULES, {**SHIPPED.items, key: fields})

    before = {"tier": "unknown", "until": "2020-12-31"}
    old, new = with_earlier(before), with_earlier(before, {"tier": "open", "until": "2026-12-31"})
    (change,) = compare(old, new, date.fromisoformat(today))
    assert (change.first_day, change.retroactive) == (date(2027, 1, 1), past)
    assert "jurisdiction HU: changed from 2027-01-01 (day of receipt)" in diff_text(old, new, (change,))


def test_nothing_in_the_files_is_left_out() -> None:
    shown = set()
    for fields_of in SHIPPED.items.values():
        for path, field in fields_of.items():
            shown |= {path.rpartition(".")[2], *scalars(field.value)}
    shown |= {key.id for key in SHIPPED.items}
    for path in SHIPPED_LAW.glob("*.yaml"):
        written = set(scalars(read_document(path).content))
        assert written <= shown | {None}, path.name


def scalars(value: Any) -> Any:
    if isinstance(value, dict):
        for each in value.values():
            yield from scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from scalars(each)
    else:
        yield value.isoformat() if isinstance(value, date) else value


def test_the_platforms_own_file_replaces_that_of_both_folders(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, "law/platform.yaml", "value: 0.8", "value: 0.9")
    assert "certainty, value" in diff("built-in", folder / "law").stdout
    monkeypatch.setenv("TOCSIN_PLATFORM_FILE", str(folder / "law" / "platform.yaml"))
    assert "the law is the same" in diff("built-in", folder / "law").stdout


def test_json_has_the_documented_fields(first: Law, folder: Path) -> None:
    result = diff("built-in", folder / "law", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert document["old"] == {"law": "built-in", "registry_version": RULES.registry_version}
    assert document["new"]["registry_version"] == first.rules.registry_version
    (change,) = document["changes"]
    assert (change["first_day"], change["retroactive"], change["holds_in"]) == ("2026-03-01", True, ["CH"])
    page = (Path(__file__).parents[2] / "docs" / "commands-law.md").read_text("utf-8")
    (section,) = re.findall(r"^## What a change of law does\n(.*?)^## ", page, re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", section))
    assert {*document, *document["old"], *change, *change["fields"][0], *change["effect"]} <= named
    assert set(Change._fields) <= change.keys()


def test_a_mistake_is_refused_with_file_line_and_field(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder, "law/KR.yaml", "trigger: actual_knowledge", "trigger: rumour")
    monkeypatch.setattr("sys.argv", ["tocsin", "registry", "diff", "built-in", str(folder / "law")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert re.search(r"Error: KR\.yaml:\d+: obligations\[0\]\.trigger", capsys.readouterr().err)
    assert diff("built-in", folder / "elsewhere").exit_code == 2


def test_every_change_of_an_obligation_has_its_day() -> None:
    changed = {
        key: {**found, "title": found["title"]._replace(value="x")}
        for key, found in SHIPPED.items.items()
        if key.kind == "obligation" and found["trigger"].value is not None
    }
    changes = compare(SHIPPED, Law("new", RULES, {**SHIPPED.items, **changed}), TODAY)
    assert len(changes) == len(changed)
    assert {change.id: str(change.first_day) for change in changes} == {
        key.id: found["in_force_from"].value for key, found in changed.items()
    }
