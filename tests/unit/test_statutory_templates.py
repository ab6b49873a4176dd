"""The templates of Implementing Regulation (EU) 2024/2835 as data, and writing them."""

import re
from datetime import date
from pathlib import Path

import pytest

from streams.registry.categories import built_in_categories
from streams.registry.loader import load_rules
from streams.statutory.fill import FilledRow, WrongCell, cell_text, write_part
from streams.statutory.member_states import MEMBER_STATES, OFFICIAL_LANGUAGES, member_state
from streams.statutory.parts import OTHER_PLACEHOLDER, PERIOD_PLACEHOLDER, parts
from streams.statutory.provider import APPLICABILITY
from streams.statutory.reporting_period import Period
from streams.statutory.template import OTHER, TOTAL, CellKind

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))


def part(number):
    return parts()[number - 1]


def rows_of(number, label):
    return [row for row in part(number).rows if row.label == label]


@pytest.mark.parametrize("number", [4, 5, 6, 7])
def test_an_unfilled_part_has_the_bytes_of_the_official_file(number):
    rows = [FilledRow(row, description=OTHER_PLACEHOLDER) for row in part(number).rows]
    assert write_part(part(number), "", PERIOD_PLACEHOLDER, rows) == part(number).official


def test_the_total_and_a_state_of_part_3_have_the_bytes_of_the_official_file_but_for_the_row_it_lacks():
    rows = [*part(3).rows, *part(3).state_rows("AT, […], SE")]
    written = write_part(
        part(3), "", PERIOD_PLACEHOLDER, [FilledRow(row, description=OTHER_PLACEHOLDER) for row in rows]
    ).splitlines(keepends=True)
    lacking = [
        line for line in written if b"MATERIAL_DEEPFAKE," in line and b"ABUSE" in line and b'SE"' in line
    ]
    assert len(lacking) == 1
    written.remove(lacking[0])
    assert b"".join(written) == part(3).official


def test_where_the_template_abbreviates_all_languages_and_states_are_written_out():
    assert len(part(8).rows) == 20 + 5 * len(OFFICIAL_LANGUAGES)
    assert len(part(9).rows) == 3 + len(OFFICIAL_LANGUAGES)
    assert [row.scope for row in part(10).rows] == [TOTAL, *MEMBER_STATES]
    assert not any("..." in cell for each in parts() for row in each.rows for cell in row.cells)


def test_every_row_says_whom_it_concerns():
    assert {row.applicability for each in parts() for row in each.rows} == set(APPLICABILITY)
    assert [row.fills("hosting") for row in rows_of(4, TOTAL)] == [True]
    assert [row.fills("intermediary") for row in rows_of(4, TOTAL)] == [False]
    assert not any(row.fills("platform") for number in (9, 10) for row in part(number).rows)
    assert all(row.fills("vlose") for row in part(10).rows)


def test_every_cell_has_a_kind():
    for each in parts():
        for row in each.rows:
            for column, name in enumerate(each.columns):
                kind = each.kind(row, column)
                if kind is CellKind.FIXED:
                    assert row.cells[column], (each.name, row.label, name)
                elif kind in (CellKind.COUNT, CellKind.HOURS, CellKind.SHARE, CellKind.FULL_TIME):
                    assert row.cells[column] == "", (each.name, row.label, name)
    disputes = [row for row in part(7).rows if row.scope.startswith("Percentage")]
    assert [part(7).kind(row, 6) for row in disputes] == [CellKind.SHARE]


def test_member_states_have_the_codes_of_eurostat():
    assert len(MEMBER_STATES) == 27
    assert member_state("GR") == "EL"
    assert member_state("AT") == "AT"
    assert member_state("EL") == "EL"
    assert [member_state(country) for country in ("GB", "NO", "XX")] == [None, None, None]


def test_every_category_of_tocsin_has_a_row_for_notices_and_for_orders():
    for category, row in built_in_categories().items():
        template = row.template
        assert (template.keyword == OTHER) == bool(template.description), category
        for number in (3, 4):
            rows = {(each.category, each.label) for each in part(number).rows}
            named = template.category.replace("NOTICE", "ORDER") if number == 3 else template.category
            assert (named, template.keyword or named) in rows, category


def test_no_two_categories_share_a_row_or_a_description():
    assert len({row.template for row in built_in_categories().values()}) == len(built_in_categories())
    described = [
        row.template.description for row in built_in_categories().values() if row.template.description
    ]
    assert len(set(described)) == len(described)


def test_the_mapping_follows_the_registry_except_where_the_templates_forbid_it():
    rows = built_in_categories().values()
    assert {row.category for row in rows if row.template.category != row.dsa_category} == {"doxxing", "spam"}
    for row in rows:
        if row.template.keyword not in (None, OTHER):
            assert row.template.keyword in row.dsa_keywords


def test_values_are_written_as_the_instructions_require():
    (total,) = rows_of(4, TOTAL)
    values = {"Number of notices received ": 120, "Median time to take action": 13.256}
    written = write_part(part(4), 'Some "Service", Ltd', YEAR, [FilledRow(total, values)]).decode()
    line = written.splitlines()[1]
    assert '"Some ""Service"", Ltd",2026-01-01/2026-12-31,TOTAL,,120,,,,13.26,' in line
    assert cell_text(CellKind.HOURS, 0) == "0"
    assert cell_text(CellKind.SHARE, 0.37) == "0.37"
    assert cell_text(CellKind.COUNT, None) == ""
    assert cell_text(CellKind.DATE, date(2027, 2, 28)) == "2027-02-28"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (CellKind.COUNT, 1.5),
        (CellKind.COUNT, -1),
        (CellKind.COUNT, "12"),
        (CellKind.SHARE, 37),
        (CellKind.HOURS, float("nan")),
        (CellKind.COUNT, float("inf")),
        (CellKind.TEXT, 3),
        (CellKind.DATE, "28.2.2027"),
    ],
)
def test_a_value_of_another_kind_is_refused(kind, value):
    with pytest.raises(ValueError, match=re.escape(f"must be {kind.value}")):
        cell_text(kind, value)


def test_a_wrong_cell_is_named():
    (total,) = rows_of(4, TOTAL)
    with pytest.raises(
        WrongCell, match="4_notices, TOTAL, Number of notices received: must be a whole number"
    ):
        write_part(part(4), "S", YEAR, [FilledRow(total, {"Number of notices received ": 0.5})])
    with pytest.raises(WrongCell, match="4_notices has no column 'Number of notices'"):
        write_part(part(4), "S", YEAR, [FilledRow(total, {"Number of notices": 1})])


def test_the_templates_are_in_the_package():
    folder = Path(__file__).parents[2] / "streams/statutory/templates"
    assert {path.name for path in folder.glob("*.csv")} == {each.file_name for each in parts()}
