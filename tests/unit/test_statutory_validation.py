"""A valid transparency report is accepted, and each mistake in one is found where it is, in words that help."""

import csv
import io

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.commands.main import commands
from streams.statutory.parts import parts
from streams.statutory.provider import PROVIDER_ROLES
from streams.statutory.template import CellKind
from streams.statutory.validation.checks import CHECKS, Findings
from streams.statutory.validation.validate import validate
from tests.unit.statutory_reports import HALF_YEAR, YEAR, valid_report

VALID = valid_report()
ONE, NAMES, ORDERS, NOTICES, ILLEGAL, TERMS, COMPLAINTS, AUTOMATED, _, _, TEXTS = (
    part.file_name for part in parts()
)


def records(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def written(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def cell(file, line, column, text):
    """Replace one cell. `column` is a letter."""

    def change(files):
        rows = records(files[file])
        rows[line - 1][number_of(column)] = text
        return files | {file: written(rows)}

    return change


def cells(file, changes):
    """Replace several cells of a file, by (line, column)."""

    def change(files):
        for (line, column), text in changes.items():
            files = cell(file, line, column, text)(files)
        return files

    return change


def column_of(file, column, text):
    """Replace a whole column."""

    def change(files):
        rows = records(files[file])
        for row in rows[1:]:
            row[number_of(column)] = text(row[number_of(column)])
        return files | {file: written(rows)}

    return change


def number_of(letters):
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def of_rows(file, change_rows):
    return lambda files: files | {file: written(change_rows(records(files[file])))}


def of_bytes(file, change_bytes):
    return lambda files: files | {file: change_bytes(files[file])}


def without(file):
    return lambda files: {name: data for name, data in files.items() if name != file}


def renamed(file, name):
    return lambda files: without(file)(files) | {name: files[file]}


def line_of(file, *texts):
    """The line of the first record that has these cells."""
    return next(number for number, row in enumerate(records(VALID[file]), 1) if set(texts) <= set(row))


def without_lines(file, *lines):
    return of_rows(file, lambda rows: [row for number, row in enumerate(rows, 1) if number not in lines])


def semicolons(data):
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(records(data))
    return text.getvalue().encode()


def swapped_columns(rows):
    return [[*row[:5], row[6], row[5], *row[7:]] for row in rows]


WELFARE = line_of(NOTICES, "STATEMENT_CATEGORY_ANIMAL_WELFARE")
HARM = line_of(NOTICES, "KEYWORD_ANIMAL_HARM")
OTHER = line_of(NOTICES, "KEYWORD_OTHER")
GREECE = line_of(ORDERS, "TOTAL", "EL")
COMPLAINED = line_of(COMPLAINTS, "Internal complaints mechanism", "Total number")
MEDIAN = line_of(COMPLAINTS, "Internal complaints mechanism", "Median time")
DISPUTES = line_of(COMPLAINTS, "Percentage of outcomes implemented")
PRECISION = line_of(AUTOMATED, "Accuracy of the automated means - Precision", "Total number")

# What is changed, the check that must find it, and where and in which words.
BROKEN = {
    "no part 4": (
        without(NOTICES),
        "part-missing",
        NOTICES,
        None,
        "a provider of the role platform fills it in",
    ),
    "no qualitative part": (without(TEXTS), "part-missing", TEXTS, None, "is missing"),
    "a part twice": (
        lambda files: files | {"part_4_notices.csv": files[NOTICES]},
        "part-twice",
        "part_4_notices.csv",
        None,
        "is part 4, and so is 4_notices.csv",
    ),
    "another file name": (
        renamed(NOTICES, "Part 4_Notices.csv"),
        "file-name",
        "Part 4_Notices.csv",
        None,
        "name it 4_notices.csv",
    ),
    "a table that is no part": (
        lambda files: files | {"views.csv": b"a,b\n"},
        "file-unknown",
        "views.csv",
        None,
        "is not a part",
    ),
    "a spreadsheet": (
        renamed(NOTICES, "4_notices.xlsx"),
        "not-csv",
        "4_notices.xlsx",
        None,
        "publish 4_notices.csv",
    ),
    "an empty file": (of_bytes(NOTICES, lambda _: b"\n"), "part-unfilled", NOTICES, None, "is empty"),
    "an unfilled template": (
        of_bytes(NOTICES, lambda _: parts()[3].official),
        "part-unfilled",
        NOTICES,
        None,
        "has no figure at all",
    ),
    "UTF-16": (
        of_bytes(NOTICES, lambda data: data.decode().encode("utf-16")),
        "not-utf8",
        NOTICES,
        None,
        "is in UTF-16; save it as UTF-8",
    ),
    "Windows-1252": (
        of_bytes(TEXTS, lambda data: data.decode().encode("cp1252")),
        "not-utf8",
        TEXTS,
        2,
        "byte 0x92 is not UTF-8",
    ),
    "a byte order mark": (
        of_bytes(NOTICES, lambda data: b"\xef\xbb\xbf" + data),
        "byte-order-mark",
        NOTICES,
        1,
        "begins with a byte order mark",
    ),
    "semicolons": (of_bytes(NOTICES, semicolons), "delimiter", NOTICES, 1, "semicolons; use commas"),
    "tabs": (
        of_bytes(ONE, lambda data: data.replace(b",", b"\t")),
        "delimiter",
        ONE,
        1,
        "separates cells with tabs",
    ),
    "old line ends": (
        of_bytes(NOTICES, lambda data: data.replace(b"\n", b"\r")),
        "line-end",
        NOTICES,
        None,
        "end with CR alone",
    ),
    "an open quotation": (
        of_bytes(NOTICES, lambda data: data + b'"'),
        "quoting",
        NOTICES,
        93,
        "a quotation mark is not closed",
    ),
    "an unquoted comma": (
        of_bytes(
            NOTICES,
            lambda data: data.replace(
                b'"Only for providers of hosting services, including',
                b"Only for providers of hosting services, including",
                1,
            ).replace(b'platforms",', b"platforms,", 1),
        ),
        "cell-count",
        NOTICES,
        2,
        "has 26 cells, but the header has 25",
    ),
    "a blank line": (
        of_bytes(NOTICES, lambda data: data.replace(b"\n", b"\n\n", 1)),
        "blank-line",
        NOTICES,
        2,
        "is blank",
    ),
    "a typing error in a header": (
        cell(NOTICES, 1, "F", "Number of notices recieved"),
        "header",
        NOTICES,
        1,
        "is 'Number of notices recieved'; it must be 'Number of notices received '",
    ),
    "a header without its last blank": (
        cell(NOTICES, 1, "F", "Number of notices received"),
        "header-spacing",
        NOTICES,
        1,
        "but 'Number of notices received ' in the template",
    ),
    "a column too few": (
        of_rows(NOTICES, lambda rows: [row[:-1] for row in rows]),
        "column-missing",
        NOTICES,
        1,
        "is missing",
    ),
    "a column too many": (
        of_rows(NOTICES, lambda rows: [[*row, "Remarks" if row is rows[0] else ""] for row in rows]),
        "column-extra",
        NOTICES,
        1,
        "has a column 'Remarks'",
    ),
    "a column twice": (
        of_rows(NOTICES, lambda rows: [[*row, row[5]] for row in rows]),
        "column-extra",
        NOTICES,
        1,
        "has the column 'Number of notices received' twice",
    ),
    "columns in another order": (
        of_rows(NOTICES, swapped_columns),
        "column-order",
        NOTICES,
        1,
        "is column 7 of the file; it must be column 6",
    ),
    "a row too few": (
        without_lines(NOTICES, HARM),
        "row-missing",
        NOTICES,
        None,
        "lacks 1 of 91 rows: KEYWORD_ANIMAL_HARM",
    ),
    "no sub-categories": (
        of_rows(NOTICES, lambda rows: [row for row in rows if not row[3].startswith("KEYWORD")]),
        "row-missing",
        NOTICES,
        None,
        "and 71 more",
    ),
    "a category of an earlier database": (
        cell(NOTICES, WELFARE, "D", "STATEMENT_CATEGORY_PORNOGRAPHY_OR_SEXUALIZED_CONTENT"),
        "row-unknown",
        NOTICES,
        WELFARE,
        "further high-level categories are not allowed",
    ),
    "a typing error in a keyword": (
        cell(NOTICES, HARM, "D", "KEYWORD_ANIMAL_HARMS"),
        "row-unknown",
        NOTICES,
        HARM,
        "did you mean KEYWORD_ANIMAL_HARM?",
    ),
    "a keyword in small letters": (
        cell(NOTICES, HARM, "D", "keyword_animal_harm"),
        "fixed-text",
        NOTICES,
        HARM,
        "the template has KEYWORD_ANIMAL_HARM",
    ),
    "a row twice": (
        of_rows(NOTICES, lambda rows: [*rows[:HARM], rows[HARM - 1], *rows[HARM:]]),
        "row-twice",
        NOTICES,
        HARM + 1,
        f"KEYWORD_ANIMAL_HARM is in line {HARM} already",
    ),
    "sub-categories in another order": (
        of_rows(NOTICES, lambda rows: [*rows[: HARM - 1], rows[HARM], rows[HARM - 1], *rows[HARM + 1 :]]),
        "row-order",
        NOTICES,
        HARM + 1,
        "KEYWORD_ANIMAL_HARM comes earlier in the template",
    ),
    "a sub-category below another category": (
        of_rows(NOTICES, lambda rows: [*rows[: HARM - 1], *rows[HARM:-1], rows[HARM - 1], rows[-1]]),
        "wrong-category",
        NOTICES,
        91,
        "KEYWORD_ANIMAL_HARM belongs to STATEMENT_CATEGORY_ANIMAL_WELFARE, but stands below",
    ),
    "KEYWORD_OTHER without a category": (
        of_rows(NOTICES, lambda rows: [rows[0], rows[OTHER - 1], *rows[1 : OTHER - 1], *rows[OTHER:]]),
        "wrong-category",
        NOTICES,
        2,
        "which has no sub-categories",
    ),
    "Greece as GR": (
        column_of(ORDERS, "F", lambda scope: scope.replace("EL", "GR")),
        "member-state",
        ORDERS,
        GREECE,
        "is 'GR'; write EL",
    ),
    "a Member State in small letters": (
        column_of(ORDERS, "F", lambda scope: scope.replace("AT", "at") if scope == "AT" else scope),
        "member-state",
        ORDERS,
        line_of(ORDERS, "TOTAL", "AT"),
        "is 'at'; write AT",
    ),
    "a State that is no member": (
        column_of(ORDERS, "F", lambda scope: scope.replace("EL", "UK")),
        "member-state",
        ORDERS,
        GREECE,
        "is not the code of a Member State",
    ),
    "the template's block of Member States": (
        column_of(ORDERS, "F", lambda scope: "AT, […], SE" if scope == "EL" else scope),
        "placeholder",
        ORDERS,
        GREECE,
        "stands for rows to be written out",
    ),
    "a Member State without orders": (
        of_rows(ORDERS, lambda rows: rows + [[*row[:5], "SE", *("0" * 7), *row[13:]] for row in rows[1:92]]),
        "state-without-orders",
        ORDERS,
        line_of(ORDERS, "TOTAL", "EL") + 91,
        "SE has rows, but no order",
    ),
    "another service in one part": (
        column_of(NOTICES, "B", lambda _: "Chirp Lite"),
        "service",
        NOTICES,
        2,
        "is 'Chirp Lite', but 'Chirp' in part 1",
    ),
    "no service": (column_of(COMPLAINTS, "B", lambda _: ""), "service", COMPLAINTS, 2, "is blank"),
    "a period in another notation": (
        column_of(NOTICES, "C", lambda _: "01/01/2026-31/12/2026"),
        "period",
        NOTICES,
        2,
        "write it as YYYY-MM-DD/YYYY-MM-DD",
    ),
    "another period in one part": (
        column_of(NOTICES, "C", lambda _: "2025-01-01/2025-12-31"),
        "period",
        NOTICES,
        2,
        "is 2025-01-01/2025-12-31, but 2026-01-01/2026-12-31 in part 1",
    ),
    "the template's period": (
        column_of(NOTICES, "C", lambda _: "YYYY-MM-DD/YYYY-MM-DD"),
        "placeholder",
        NOTICES,
        2,
        "replace it",
    ),
    "half a year": (
        cell(ONE, 6, "D", "2026-06-30"),
        "period-length",
        ONE,
        6,
        "for the role platform it must be 2026-01-01/2026-12-31",
    ),
    "a period that ends before it begins": (
        cell(ONE, 6, "D", "2025-12-31"),
        "period",
        ONE,
        6,
        "before the period begins",
    ),
    "published in March": (
        cell(ONE, 3, "D", "2027-03-01"),
        "published-late",
        ONE,
        3,
        "it was due by 2027-02-28",
    ),
    "published before the period ended": (
        cell(ONE, 3, "D", "2026-12-31"),
        "published-early",
        ONE,
        3,
        "but the period ends on 2026-12-31",
    ),
    "published before the report before it": (
        cell(ONE, 4, "D", "2027-02-27"),
        "published-early",
        ONE,
        4,
        "the previous report is of 2027-02-27",
    ),
    "a date in another notation": (cell(ONE, 3, "D", "26.02.2027"), "date", ONE, 3, "write it as YYYY-MM-DD"),
    "no provider": (
        cell(ONE, 2, "D", ""),
        "identification",
        ONE,
        2,
        "'Name of the service provider' is blank",
    ),
    "a blank among figures": (
        cell(NOTICES, HARM, "F", ""),
        "blank",
        NOTICES,
        HARM,
        "is blank in 1 of 91 rows; write 0 where there was none",
    ),
    "a fraction of a notice": (
        cell(NOTICES, HARM, "F", "1.5"),
        "count",
        NOTICES,
        HARM,
        "is '1.5': not a whole number",
    ),
    "a number with decimals": (
        cell(NOTICES, HARM, "F", "1.0"),
        "count",
        NOTICES,
        HARM,
        "write 1, without decimals",
    ),
    "thousands with commas": (
        cell(NOTICES, HARM, "F", "1,234"),
        "count",
        NOTICES,
        HARM,
        "without separators of thousands",
    ),
    "a negative number": (cell(NOTICES, HARM, "F", "-1"), "count", NOTICES, HARM, "is '-1': negative"),
    "words instead of a number": (
        cell(NOTICES, HARM, "F", "n/a"),
        "count",
        NOTICES,
        HARM,
        "leave the cell blank if there could be none",
    ),
    "a formula": (
        cell(NOTICES, HARM, "F", "=SUM(F3:F9)"),
        "count",
        NOTICES,
        HARM,
        "a formula; write its result",
    ),
    "a suppressed number": (
        cell(NOTICES, HARM, "F", "<5"),
        "suppressed",
        NOTICES,
        HARM,
        "write the exact number",
    ),
    "a share in per cent": (
        cell(COMPLAINTS, DISPUTES, "G", "37 %"),
        "share",
        COMPLAINTS,
        DISPUTES,
        "a percentage; write 0.37",
    ),
    "a share times a hundred": (
        cell(AUTOMATED, PRECISION, "G", "37"),
        "share",
        AUTOMATED,
        PRECISION,
        "greater than 1; if it is a percentage, write 0.37",
    ),
    "a share with a decimal comma": (
        cell(AUTOMATED, PRECISION, "G", "0,37"),
        "share",
        AUTOMATED,
        PRECISION,
        "the decimal separator is a point; write 0.37",
    ),
    "a median in days": (
        cell(NOTICES, HARM, "J", "3 days"),
        "hours",
        NOTICES,
        HARM,
        "the number of hours alone",
    ),
    "a median of hours and minutes": (
        cell(COMPLAINTS, MEDIAN, "G", "13:30"),
        "hours",
        COMPLAINTS,
        MEDIAN,
        "the number of hours alone",
    ),
    "a median in seconds": (
        cell(NOTICES, HARM, "J", "48600"),
        "hours-unit",
        NOTICES,
        HARM,
        "is 48600 hours, which is 2,025 days; as minutes it would be 810 hours, as seconds 13.5",
    ),
    "a median in minutes": (
        cell(ORDERS, 3, "I", "810"),
        "hours-unit",
        ORDERS,
        3,
        "as minutes it would be 13.5 hours",
    ),
    "a blank around a number": (cell(NOTICES, HARM, "F", " 1"), "cell-spacing", NOTICES, HARM, "is ' 1'"),
    "a text that is too long": (
        cell(TEXTS, 2, "E", "x" * 5001),
        "text-length",
        TEXTS,
        2,
        "has 5001 characters, 1 too many",
    ),
    "a text of the template": (
        cell(TEXTS, 2, "E", "Free text"),
        "placeholder",
        TEXTS,
        2,
        "is 'Free text'; replace it",
    ),
    "no text": (cell(TEXTS, 3, "E", ""), "part-unfilled", TEXTS, 3, "is blank"),
    "KEYWORD_OTHER without a description": (
        cell(NOTICES, OTHER, "E", ""),
        "other-undescribed",
        NOTICES,
        OTHER,
        "is blank, but the row has figures",
    ),
    "KEYWORD_OTHER with the template's description": (
        cell(NOTICES, OTHER, "E", 'Text to detail the "Other" keyword.'),
        "other-undescribed",
        NOTICES,
        OTHER,
        "is still that of the template",
    ),
    "a description twice": (
        cells(NOTICES, {(OTHER, "E"): "Doxing", (OTHER + 7, "E"): "doxing "}),
        "other-twice",
        NOTICES,
        OTHER + 7,
        f"'doxing' is the description in line {OTHER} too",
    ),
    "a catch-all": (
        cell(NOTICES, OTHER, "E", "Misc."),
        "other-catch-all",
        NOTICES,
        OTHER,
        "describes nothing",
    ),
    "a description elsewhere": (
        cell(NOTICES, HARM, "E", "Dogs"),
        "description-misplaced",
        NOTICES,
        HARM,
        "KEYWORD_ANIMAL_HARM has the description 'Dogs'",
    ),
    "sub-categories that do not add up": (
        cell(NOTICES, HARM, "F", "2"),
        "sub-categories",
        NOTICES,
        WELFARE,
        "STATEMENT_CATEGORY_ANIMAL_WELFARE is 3, but its sub-categories add up to 4",
    ),
    "categories that do not add up": (
        cell(NOTICES, 2, "F", "999"),
        "total",
        NOTICES,
        2,
        "TOTAL is 999, but the categories add up to 76",
    ),
    "States that do not add up": (
        cells(ORDERS, {(line, "G"): "9" for line in (GREECE,)}),
        "states-total",
        ORDERS,
        2,
        "but the Member States add up to",
    ),
    "more notices of trusted flaggers than notices": (
        cell(NOTICES, HARM, "G", "5"),
        "trusted-flaggers",
        NOTICES,
        HARM,
        "is 5, more than the 1 of F (Number of notices received)",
    ),
    "fewer items than notices": (
        cell(NOTICES, HARM, "H", "0"),
        "items",
        NOTICES,
        HARM,
        "is 0, fewer than the 1 notices",
    ),
    "views counted as items": (
        cell(ORDERS, 4, "H", "250000"),
        "items-many",
        ORDERS,
        4,
        "is 250000, for 2 orders",
    ),
    "more actions than items": (
        cell(NOTICES, HARM, "L", "7"),
        "actions",
        NOTICES,
        HARM,
        "7 actions were taken, more than the 2 items",
    ),
    "a median without actions": (
        cells(NOTICES, {(HARM, "L"): "0", (HARM, "N"): "0"}),
        "median-without-cases",
        NOTICES,
        HARM,
        "is 13.5, but there were no actions",
    ),
    "actions without a median": (
        cell(NOTICES, HARM, "J", ""),
        "median-missing",
        NOTICES,
        HARM,
        "is blank, but the number of actions is 1",
    ),
    "more automated measures than measures": (
        cell(ILLEGAL, 4, "G", "5"),
        "automated-above-all",
        ILLEGAL,
        4,
        "is 5, more than the 1 of F",
    ),
    "measures that restrict nothing": (
        cell(TERMS, 4, "F", "500"),
        "restrictions",
        TERMS,
        4,
        "is 500, but the restrictions add up to 11",
    ),
    "more decisions than complaints": (
        cell(COMPLAINTS, COMPLAINED, "G", "3"),
        "complaints",
        COMPLAINTS,
        COMPLAINED,
        "is 3, but 9 were decided or omitted",
    ),
    "more complaints of a kind than complaints": (
        cell(
            COMPLAINTS,
            line_of(COMPLAINTS, "Number of restrictions newly imposed as a result of an internal complaint")
            + 1,
            "G",
            "11",
        ),
        "complaints",
        COMPLAINTS,
        line_of(COMPLAINTS, "Number of restrictions newly imposed as a result of an internal complaint") + 1,
        "is 11, more than the 10 complaints of all kinds",
    ),
    "more automated notices than notices": (
        cell(AUTOMATED, line_of(AUTOMATED, "NAM Total"), "G", "5000"),
        "automated-means",
        AUTOMATED,
        line_of(AUTOMATED, "NAM Total"),
        "NAM Total: 5000 are more than the 76 notices in part 4",
    ),
    "accuracy without context": (
        cell(AUTOMATED, PRECISION, "H", ""),
        "accuracy-context",
        AUTOMATED,
        PRECISION,
        "is blank",
    ),
    "a changed category description": (
        cell(NAMES, 3, "B", "Wildlife"),
        "fixed-text",
        NAMES,
        3,
        "is 'Wildlife'; the template has 'Animal welfare'",
    ),
}

# What only a report of a very large platform can get wrong.
BROKEN_VLOP = {
    "a language in capital letters": (
        column_of("9_human_resources.csv", "F", lambda scope: "DE" if scope == "de" else scope),
        "language",
        "9_human_resources.csv",
        "is 'DE'; write de",
    ),
    "the template's languages": (
        column_of("9_human_resources.csv", "F", lambda scope: "[...]" if scope == "de" else scope),
        "placeholder",
        "9_human_resources.csv",
        "stands for rows to be written out",
    ),
    "a language that is not official": (
        column_of("9_human_resources.csv", "F", lambda scope: "is" if scope == "de" else scope),
        "language",
        "9_human_resources.csv",
        "not an official language",
    ),
    "a Member State too few": (
        without_lines("10_AMAR.csv", 4),
        "row-missing",
        "10_AMAR.csv",
        "lacks 1 of 28 rows",
    ),
    "moderators in words": (
        cell("9_human_resources.csv", 2, "G", "about 12"),
        "full-time",
        "9_human_resources.csv",
        "not a number",
    ),
    "a whole year": (cell(ONE, 6, "D", "2026-12-31"), "period-length", ONE, "2026-07-01/2026-12-31"),
}


@pytest.mark.parametrize("role", PROVIDER_ROLES)
def test_a_valid_report_is_accepted(role):
    period = HALF_YEAR if role in ("vlop", "vlose") else YEAR
    assert validate(valid_report(role, period), role) == []


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_is_found(mistake):
    change, check, file, line, words = BROKEN[mistake]
    found = [each for each in validate(change(VALID), "platform") if each.check == check]
    assert any(each.file == file and each.line == line and words in each.message for each in found), found
    assert {each.severity for each in found} == {CHECKS[check].severity}
    assert all(each.rule and each.source for each in found)


@pytest.mark.parametrize("mistake", BROKEN_VLOP)
def test_a_mistake_of_a_very_large_platform_is_found(mistake):
    change, check, file, words = BROKEN_VLOP[mistake]
    found = validate(change(valid_report("vlop", HALF_YEAR)), "vlop")
    assert any(each.check == check and each.file == file and words in each.message for each in found), found


def test_every_check_has_a_mistake_that_it_finds():
    others = {"not-applicable"}
    tested = {row[1] for row in BROKEN.values()} | {row[1] for row in BROKEN_VLOP.values()}
    assert tested | others == set(CHECKS)


def test_figures_in_rows_of_other_providers_are_reported():
    found = validate(valid_report("platform"), "intermediary")
    assert {each.check for each in found} == {"not-applicable"}
    assert {each.file for each in found} == {NOTICES, COMPLAINTS, AUTOMATED}


def test_the_official_parts_for_very_large_platforms_may_stay_unfilled():
    official = {part.file_name: part.official for part in parts()[8:10]}
    assert validate(VALID | official, "platform") == []


def test_the_block_of_a_state_may_lack_the_row_that_the_official_template_lacks():
    lines = [
        number
        for number, row in enumerate(records(VALID[ORDERS]), 1)
        if row[3] == "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE" and row[5] != "TOTAL"
    ]
    found = validate(without_lines(ORDERS, *lines)(VALID), "platform")
    assert "row-missing" not in {each.check for each in found}


def test_the_transitional_report_uses_the_templates_for_its_second_part():
    files = dict(VALID)
    for line, text in ((3, "2026-02-28"), (4, "2025-02-16"), (5, "2025-02-01"), (6, "2025-12-31")):
        files = cell(ONE, line, "D", text)(files)
    for file in (ORDERS, NOTICES, ILLEGAL, TERMS, COMPLAINTS, AUTOMATED, TEXTS):
        files = column_of(file, "C", lambda _: "2025-07-01/2025-12-31")(files)
    assert validate(files, "platform") == []


def test_a_misplaced_row_does_not_change_what_its_neighbours_belong_to():
    """The sub-category of another category, before KEYWORD_OTHER of this one."""
    at = OTHER + 7
    moved = of_rows(
        NOTICES, lambda rows: [*rows[: HARM - 1], *rows[HARM : at - 1], rows[HARM - 1], *rows[at - 1 :]]
    )
    assert {each.check for each in validate(moved(VALID), "platform")} == {"wrong-category"}


def test_lines_may_end_with_cr_lf():
    files = {name: data.replace(b"\n", b"\r\n") for name, data in VALID.items()}
    assert validate(files, "platform") == []


def test_repeated_failures_are_one_finding():
    (finding,) = validate(column_of(NOTICES, "B", lambda _: "")(VALID), "platform")
    assert (finding.line, finding.more) == (2, 90)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_count_can_change_without_a_finding(data):
    """Every count is part of a sum."""
    file = data.draw(st.sampled_from([ORDERS, NOTICES, ILLEGAL, TERMS]))
    part = next(part for part in parts() if part.file_name == file)
    rows = records(VALID[file])
    line = data.draw(st.integers(2, len(rows)))
    column = data.draw(
        st.sampled_from([at for at, kind in enumerate(part.column_kinds) if kind is CellKind.COUNT])
    )
    before = int(rows[line - 1][column] or 0)
    rows[line - 1][column] = str(data.draw(st.integers(0, 10**6).filter(lambda count: count != before)))
    found = {each.check for each in validate({file: written(rows)}, "platform")}
    assert found & {"sub-categories", "total", "states-total"}


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    file=st.sampled_from([NOTICES, ONE, COMPLAINTS]),
    cut=st.integers(0, 3000),
    junk=st.binary(max_size=30) | st.text(max_size=10).map(str.encode),
)
def test_any_file_is_answered(file, cut, junk):
    data = VALID[file][:cut] + junk + VALID[file][cut + 20 :]
    for finding in validate({file: data}, "platform"):
        assert finding.message
        assert finding.check in CHECKS


def run(*arguments):
    return CliRunner().invoke(commands, ["transparency", "validate", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    def save(files):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        return tmp_path

    return save


def test_the_command_accepts_a_valid_folder(folder):
    result = run(folder(VALID | {"README.md": b"About this report"}))
    assert (result.exit_code, result.output) == (0, "9 files: 0 errors, 0 warnings\n")


def test_the_command_names_file_line_column_and_instruction(folder):
    result = run(folder(cell(NOTICES, HARM, "F", "1,234")(VALID)))
    assert result.exit_code == 1
    assert f"4_notices.csv:{HARM}: error: F (Number of notices received) is '1,234'" in result.output
    assert "What is counted is given as whole numbers. [Annex II, part I, 4; count]" in result.output


def test_warnings_alone_do_not_fail_the_command(folder):
    result = run(folder(cell(NOTICES, OTHER, "E", "Misc.")(VALID)), "--json")
    assert result.exit_code == 0
    assert '"severity":"warning","check":"other-catch-all"' in result.output


def test_the_command_refuses_a_file_that_is_too_large_for_a_part(folder):
    result = run(folder(VALID | {NOTICES: b" " * (8 * 1024 * 1024 + 1)}))
    assert result.exit_code == 2
    assert f"{NOTICES} has more than 8 MiB" in result.stderr


def test_failures_in_many_ways_are_counted_together():
    findings = Findings("4_notices.csv")
    for number in range(5_000):
        findings.add("cell-count", f"fails in its own way {number}", number)
        findings.add("blank-line", "is blank", number)
    found = list(findings)
    assert len(found) == 1_001
    (rest,) = (each for each in found if "more ways than are shown" in each.message)
    assert (rest.check, rest.line, rest.more) == ("cell-count", 999, 4_000)
    assert sum(each.more + 1 for each in found) == 10_000


def test_the_command_refuses_a_folder_without_tables(folder):
    result = run(folder({}))
    assert result.exit_code == 2
    assert "has no CSV files" in result.output
