"""Mapping files find the fields of a report in what a service sends, and say what they cannot use."""

import pytest

from streams.intake.mapping import Unmappable, load_mapping
from streams.intake.sources import PRESETS
from streams.registry.reading.errors import RegistryError
from tests.unit.intake_documents import MASTODON

FIELDS = """
fields:
  report_id: id
  kind: {constant: user_report}
  occurred_at: at
  channel.ref: room
  channel.visibility: {constant: public}
  category: {from: why, table: {ad: spam, "7": fraud}, otherwise: unspecified}
"""


def mapping(tmp_path, text):
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    return load_mapping(path)


def test_fields_are_found_translated_and_made_texts(tmp_path):
    made = mapping(tmp_path, FIELDS + "  reporter.kind: {constant: user}\n  reporter.ref: 'who.id'\n")
    assert made.report({"id": 7, "at": "2026-01-01T00:00:00Z", "room": 12, "why": 7, "who": {"id": 3}}) == {
        "report_id": "7",
        "kind": "user_report",
        "occurred_at": "2026-01-01T00:00:00Z",
        "channel": {"ref": "12", "visibility": "public"},
        "category": "fraud",
        "reporter": {"kind": "user", "ref": "3"},
    }


@pytest.mark.parametrize(
    ("why", "category"), [("ad", "spam"), ("other", "unspecified"), (None, "unspecified")]
)
def test_a_table_has_a_value_for_everything(tmp_path, why, category):
    assert mapping(tmp_path, FIELDS).report({"why": why})["category"] == category


@pytest.mark.parametrize(
    ("unit", "number"),
    [("seconds", 1_767_225_600), ("milliseconds", 1_767_225_600_000), ("seconds", 1_767_225_600.0)],
)
def test_times_may_be_numbers(tmp_path, unit, number):
    made = mapping(tmp_path, FIELDS.replace("occurred_at: at", f"occurred_at: {{from: at, unit: {unit}}}"))
    assert made.report({"at": number})["occurred_at"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("number", [True, "soon", 1e30, -1e30])
def test_what_is_no_time_is_said_without_the_value(tmp_path, number):
    made = mapping(tmp_path, FIELDS.replace("occurred_at: at", "occurred_at: {from: at, unit: seconds}"))
    with pytest.raises(Unmappable) as caught:
        made.report({"at": number})
    assert (caught.value.field, caught.value.path) == ("occurred_at", "at")
    assert str(number) not in str(caught.value)


def test_a_value_outside_of_its_table_is_not_quoted(tmp_path):
    made = mapping(tmp_path, FIELDS.replace(", otherwise: unspecified", ""))
    with pytest.raises(Unmappable) as caught:
        made.report({"why": "alice@example.org"})
    assert (
        str(caught.value) == "category: why: has a value that is not in the table, and there is no otherwise"
    )


def test_a_request_may_have_many_reports_and_other_events(tmp_path):
    made = mapping(tmp_path, "reports: events[*].body\nonly_if: \"type == 'report'\"\n" + FIELDS)
    events = [{"body": {"type": "report", "id": 1}}, {"body": {"type": "login"}}, {"other": 1}]
    assert [made.report(each)["report_id"] for each in made.documents({"events": events})] == ["1"]
    with pytest.raises(ValueError, match="no list of reports"):
        made.documents({"event": 1})
    with pytest.raises(ValueError, match="more than 1,000"):
        made.documents({"events": [{"body": {}}] * 1_001})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("report_id: id", "id: id"), "mapping.yaml:3: fields.id: is no field of a report; valid are category"),
        (("  category: {from: why, table: {ad: spam, \"7\": fraud}, otherwise: unspecified}\n", ""),
         "mapping.yaml:2: fields: has no row for category"),
        (("report_id: id", "report_id: 'id['"), "mapping.yaml:3: fields.report_id: is no path (JMESPath)"),
        (("report_id: id", "report_id: '[@,@][]|[@,@][]'"), "may find values and compare them, and nothing else"),
        (("report_id: id", "report_id: 'join(`,`, ids)'"), "calls join(); only contains, ends_with, starts_with"),
        (("report_id: id", f"report_id: {'a.' * 300}b"), "must have at most 500 characters"),
        (("room", "{from: room, unit: seconds}"), "mapping.yaml:6: fields.channel.ref.unit: is for times only"),
        (("constant: public", "constant: public, otherwise: public"), "only what from finds is translated"),
        (("{constant: public}", "{otherwise: public}"), "must have one of from, constant and identity_of"),
        (("fields:", "field: {}\nfields:"), "unknown field; valid fields here: fields, only_if, reports"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_mapping_is_said_with_its_line(tmp_path, change, said):
    with pytest.raises(RegistryError) as caught:
        mapping(tmp_path, FIELDS.replace(*change))
    assert said in str(caught.value)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_mappings_that_come_with_tocsin_are_valid(path):
    assert load_mapping(path).fields


def test_mastodon():
    made = load_mapping(PRESETS / "mastodon.yaml")
    [document] = made.documents(MASTODON)
    assert made.report(document) == {
        "report_id": "4711",
        "kind": "user_report",
        "occurred_at": "2026-09-21T10:00:00.000Z",
        "channel": {"ref": "108965430868193066", "kind": "account", "visibility": "public"},
        "message_ref": "110000000000000001",
        "category": "spam",
        "reporter": {"kind": "user", "ref": "108267695853695427"},
    }
    assert made.documents(MASTODON | {"event": "account.created"}) == []
