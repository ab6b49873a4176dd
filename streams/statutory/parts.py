"""The templates of Implementing Regulation (EU) 2024/2835, Annex I, from the official CSV files.

`templates/` holds the files as the Commission publishes them (reuse under Commission Decision 2011/833/EU),
with the names of the sheets in Annex II. They are the only list of columns and rows: this module reads it.
"""

import csv
import io
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from streams.statutory.member_states import MEMBER_STATES, OFFICIAL_LANGUAGES
from streams.statutory.template import TOTAL, CellKind, Part, Row

# The sheet names of Annex II.
_PARTS = (
    "1_report_identification",
    "2_categories_names",
    "3_member_states_orders",
    "4_notices",
    "5_own_initiative_illegal",
    "6_own_initiative_TC",
    "7_appeals_and_recidivism",
    "8_automated_means",
    "9_human_resources",
    "10_AMAR",
    "11_qualitative",
)

PERIOD_PLACEHOLDER = "YYYY-MM-DD/YYYY-MM-DD"
FREE_TEXT_PLACEHOLDER = "Free text"
OTHER_PLACEHOLDER = 'Text to detail the "Other" keyword.'
_STATES_PLACEHOLDER = "AT, […], SE"
# Rows that stand for all Member States or languages: the template writes the first, an abbreviation, and the
# last.
_ABBREVIATED = {
    "8_automated_means": (frozenset({"bg", "[...]", "sv"}), OFFICIAL_LANGUAGES),
    "9_human_resources": (frozenset({"bg", "[...]", "sv"}), OFFICIAL_LANGUAGES),
    "10_AMAR": (frozenset({"AT", "[...]", "SE"}), MEMBER_STATES),
}

_COLUMN_KINDS = {
    "Service": CellKind.SERVICE,
    "Reporting period": CellKind.PERIOD,
    'Description of the sub-category "Other"': CellKind.DESCRIPTION,
}
_COUNTS = ("Number of", "Visibility", "Monetary", "Provision of", "Account")


@cache
def parts() -> tuple[Part, ...]:
    """Give the eleven parts of the report, in their order."""
    return tuple(_part(number, name) for number, name in enumerate(_PARTS, start=1))


def _part(number: int, name: str) -> Part:
    official = files("streams.statutory").joinpath("templates", f"{name}.csv").read_bytes()
    header, *lines = csv.reader(io.StringIO(official.decode(), newline=""))
    return Part(
        number=number,
        name=name,
        columns=tuple(header),
        column_kinds=tuple(map(_column_kind, header)),
        rows=tuple(_rows(name, header, lines)),
        official=official,
    )


def _column_kind(name: str) -> CellKind:
    if name.lower().startswith("contextual"):
        return CellKind.CONTEXT
    if name.startswith("Median time"):
        return CellKind.HOURS
    if name.startswith(_COUNTS):
        return CellKind.COUNT
    return _COLUMN_KINDS.get(name, CellKind.FIXED)


def _rows(name: str, header: list[str], lines: list[list[str]]) -> Iterator[Row]:
    abbreviations, scopes = _ABBREVIATED.get(name, (frozenset(), ()))
    category = ""
    # Parts 8 and 9 abbreviate the rows of all languages more than once per indicator.
    seen: set[Row] = set()
    label_column = next(
        number for number, name in enumerate(header) if name.startswith(("Category of", "Indicator"))
    )
    for cells in lines:
        label = cells[label_column]
        if label == TOTAL or label.startswith("STATEMENT_CATEGORY_"):
            category = label
        scope = cells[header.index("Scope")] if "Scope" in header else ""
        if scope == _STATES_PLACEHOLDER:
            continue
        for each in scopes if scope in abbreviations else (scope,):
            row = Row(
                applicability=cells[0] if header[0] == "Applicability" else "All",
                category=category,
                label=label,
                scope=each,
                cells=tuple(
                    each if column == "Scope" else cell for column, cell in zip(header, cells, strict=True)
                ),
            )
            if row not in seen:
                seen.add(row)
                yield row
