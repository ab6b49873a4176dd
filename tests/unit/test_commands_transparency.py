"""`tocsin transparency report`: what it adds up, what it shows, and what it suppresses."""

import json
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.commands.main import commands
from streams.commands.transparency import counters as reading
from streams.contract.events.transparency import ReportCount, RequestCount, TransparencyCounter
from streams.contract.wire.encoding import encode
from streams.desk.text.transparency_tables import SECTIONS, as_document, sections

PERIOD = ("--from", "2026-03-01", "--to", "2026-03-31")


def reports(date, country, category, *cells, partition=0):
    rows = tuple(ReportCount(*cell) for cell in cells)
    return TransparencyCounter(date, "reports", partition, country, category, rows, ())


def requests(date, country, category, *cells):
    rows = tuple(RequestCount(*cell) for cell in cells)
    return TransparencyCounter(date, "requests", 0, country, category, (), rows)


def user(count, source="user", escalated=False):
    return (source, "user_report", False, False, escalated, count)


def machine(count):
    return ("automated", "automated_detection", True, False, False, count)


MARCH = [
    reports("2026-03-01", "DE", "fraud", user(40), user(6, escalated=True), machine(12)),
    reports("2026-03-01", "DE", "fraud", user(10), partition=1),
    reports("2026-03-31", "KR", "ncii_deepfake", user(2), user(7, source="state_actor")),
    reports("2026-03-02", "KR", "csam", user(3), user(1, source="state_actor")),
    requests(
        "2026-03-02",
        "FR",
        "unspecified",
        ("order_for_information", "dsa_art10", "court", "routed", None, 8),
        ("order_for_information", "dsa_art10", "police", "refused", "bulk_identify", 6),
    ),
]


class Record(NamedTuple):
    key: bytes
    value: bytes
    topic: str = "transparency-counters"
    partition: int = 0
    offset: int = 9


def record(counter):
    key = f"{counter.date}/{counter.stage}/{counter.partition}/{counter.country}/{counter.category}"
    return Record(key.encode(), encode(counter))


@pytest.fixture
def tocsin(monkeypatch):
    def run(records, *arguments):
        read = []

        async def committed_records(connection, topic):
            read.append(topic)
            for written in records:
                yield written

        monkeypatch.setattr(reading, "committed_records", committed_records)
        monkeypatch.setenv("TOCSIN_TOPIC_PREFIX", "eu.")
        result = CliRunner().invoke(commands, ["transparency", "report", *arguments])
        assert read in ([], ["eu.transparency-counters"])
        return result

    return run


def document(result):
    assert result.exit_code == 0, result.output
    return {part["name"]: part for part in json.loads(result.stdout)["sections"]}


def rows(part, *by):
    (table,) = (table for table in part["tables"] if table["by"] == list(by))
    return table["rows"] and {tuple(row[name] for name in by): row["count"] for row in table["rows"]}


def test_the_report_has_numbers_by_category_source_and_country(tocsin):
    found = document(tocsin(map(record, MARCH), *PERIOD, "--json"))
    part = found["reports"]
    assert part["total"] == 73
    assert rows(part, "category") == {("fraud",): 68, ("ncii_deepfake",): "<5", ("csam",): "<5"}
    assert rows(part, "country") == {("DE",): 68, ("KR",): 5}
    assert rows(part, "source", "automated") == {("user", "no"): 61, ("automated", "yes"): 12}
    assert rows(part, "escalated") == {("no",): 67, ("yes",): 6}
    assert part["automated_share"] == pytest.approx(12 / 73, abs=1e-4)


def test_state_actors_and_authorities_have_their_own_sections(tocsin):
    found = document(tocsin(map(record, MARCH), *PERIOD, "--json"))
    assert found["state_actors"]["total"] == 8
    assert rows(found["state_actors"], "country") == {("KR",): 8}
    # Of 7 and 1, showing one would reveal the other.
    assert rows(found["state_actors"], "category") is None
    assert found["requests"]["total"] == 14
    assert rows(found["requests"], "country", "kind", "decision", "refusal") == {
        ("FR", "order_for_information", "routed", "-"): 8,
        ("FR", "order_for_information", "refused", "bulk_identify"): 6,
    }


def test_only_the_last_value_of_a_key_and_only_the_given_days_count(tocsin):
    written = [
        reports("2026-02-28", "DE", "fraud", user(100)),
        reports("2026-03-01", "DE", "fraud", user(5)),
        reports("2026-03-01", "DE", "fraud", user(9)),
        reports("2026-04-01", "DE", "fraud", user(100)),
    ]
    found = document(tocsin(map(record, written), *PERIOD, "--json"))
    assert found["reports"]["total"] == 9


def test_group_by_gives_one_table_with_these_rows(tocsin):
    found = document(
        tocsin(map(record, MARCH), *PERIOD, "--group-by", "date", "--group-by", "country", "--json")
    )
    assert found.keys() == {"reports", "state_actors", "requests"}
    (table,) = found["reports"]["tables"]
    assert table["by"] == ["date", "country"]
    assert rows(found["reports"], "date", "country") == {
        ("2026-03-01", "DE"): 68,
        ("2026-03-31", "KR"): "<5",
        ("2026-03-02", "KR"): "<5",
    }
    found = document(tocsin(map(record, MARCH), *PERIOD, "--group-by", "refusal", "--json"))
    assert found.keys() == {"requests"}


def test_the_text_explains_its_marks(tocsin):
    result = tocsin(map(record, MARCH), *PERIOD)
    assert result.exit_code == 0
    assert "2026-03-01 to 2026-03-31 (UTC days, inclusive)" in result.stdout
    assert "Reports, excluding state actors: 73" in result.stdout
    assert "detected by automated means: 16.4%" in result.stdout
    assert "by category: every number is hidden" in result.stdout
    assert "<5: fewer than five." in result.stdout


def test_a_report_without_counts_succeeds(tocsin):
    result = tocsin([], *PERIOD)
    assert result.exit_code == 0
    assert "Requests of authorities: 0" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--from", "2026-03-02", "--to", "2026-03-01"), "2026-03-02 is after --to 2026-03-01"),
        (("--from", "March", "--to", "2026-03-01"), "March"),
        ((*PERIOD, "--group-by", "late", "--group-by", "refusal"), "late, refusal"),
        ((*PERIOD, "--group-by", "channel"), "channel"),
    ],
)
def test_invalid_arguments_exit_with_2(tocsin, arguments, named):
    result = tocsin([], *arguments)
    assert result.exit_code == 2
    assert named in result.stderr


def test_a_record_that_is_not_a_counter_is_named(tocsin):
    result = tocsin([Record(b"2026-03-01/reports/0/DE/fraud", b"{}")], *PERIOD)
    assert result.exit_code == 1
    assert "transparency-counters partition 0 offset 9" in result.stderr


cells = st.tuples(
    st.sampled_from(["user", "trusted_flagger", "automated", "state_actor"]),
    st.sampled_from(["user_report", "automated_detection"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9),
)
counters = st.lists(
    st.builds(
        lambda place, rows: reports(*place, *rows),
        st.tuples(
            st.sampled_from(["2026-03-01", "2026-03-02"]),
            st.sampled_from(["DE", "KR", "XX"]),
            st.sampled_from(["fraud", "csam", "ip"]),
        ),
        st.lists(cells, max_size=3),
    ),
    max_size=6,
)


@settings(max_examples=150)
@given(counters, st.sampled_from([(), ("date",), ("country", "category"), ("source",), ("automated",)]))
def test_no_small_number_is_shown_and_none_is_hidden_alone(given_counters, group_by):
    """Inference from a table is tested in `test_transparency_suppression.py`."""
    for part in map(as_document, sections(given_counters, group_by)):
        assert part["total"] in (0, "<5") or part["total"] >= 5
        for table in part["tables"]:
            numbers = [row["count"] for row in table["rows"] or []]
            hidden = [number for number in numbers if isinstance(number, str)]
            assert all(number >= 5 for number in numbers if isinstance(number, int))
            assert len(hidden) != 1
            if numbers and not hidden:
                assert sum(numbers) == part["total"]
            elif numbers:
                assert sum(number for number in numbers if isinstance(number, int)) < part["total"]


@settings(max_examples=100)
@given(counters)
def test_a_share_is_shown_only_where_its_numbers_are_shown(given_counters):
    for section in sections(given_counters, ()):
        if section.automated_share is None:
            continue
        (table,) = (table for table in section.tables if "automated" in table.by)
        shown = {row: count for row, count in table.rows if isinstance(count, int)}
        sides = {row[1] for row, count in table.rows if isinstance(count, str)}
        assert len(sides) < 2
        machines = sum(count for row, count in shown.items() if row[1] == "yes")
        others = sum(count for row, count in shown.items() if row[1] == "no")
        expected = machines if sides != {"yes"} else section.total - others
        assert section.automated_share == pytest.approx(expected / section.total, abs=1e-4)


def test_no_tables_rows_add_up_to_a_row_of_another_table():
    for kind in SECTIONS:
        named = [name for by in kind.tables for name in by]
        assert len(named) == len(set(named))
