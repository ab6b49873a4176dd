"""Checks what stands in each cell, whatever stands in the others."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from streams.statutory.parts import FREE_TEXT_PLACEHOLDER, OTHER_PLACEHOLDER, PERIOD_PLACEHOLDER
from streams.statutory.provider import ProviderRole
from streams.statutory.reporting_period import is_date
from streams.statutory.template import FIGURES, OTHER, VALUE, CellKind, Part
from streams.statutory.validation.checks import Findings
from streams.statutory.validation.match_rows import ReportRow
from streams.statutory.validation.read_table import plain

# Annex II, part II, 2, column E.
_LONGEST_TEXT = 5000

_PLACEHOLDERS = frozenset(
    {"Text", FREE_TEXT_PLACEHOLDER, "YYYY-MM-DD", PERIOD_PLACEHOLDER, OTHER_PLACEHOLDER}
)

_CATCH_ALL = frozenset({
    "other", "others", "misc", "misc.", "miscellaneous", "various", "n/a", "na", "none", "-",
    "everything else",
    "unknown",
})  # fmt: skip

# Restrictions that a service may not be able to impose (Annex II, part I, 1).
_OPTIONAL = ("Visibility", "Monetary", "Provision of", "Account")

# An authority is told of a receipt within hours, and action takes days. A median of more hours than this is
# likelier one of minutes or seconds.
_UNLIKELY_HOURS_TO_INFORM = 24 * 14
_UNLIKELY_HOURS = 24 * 90

_CHECK: Mapping[CellKind, str] = {
    CellKind.COUNT: "count",
    CellKind.SHARE: "share",
    CellKind.HOURS: "hours",
    CellKind.FULL_TIME: "full-time",
}
# Longer than any figure, also one with a unit.
_LONGEST = 40
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_GROUPED = re.compile(r"\d{1,3}(?:[,. '\u00a0\u202f]\d{3})+")
_PERCENTAGE = re.compile(r"[\d.,]+ *%")
_COMMA = re.compile(r"\d+,\d+")
_NEGATIVE = re.compile(r"-\s*\d.*")
_FORMULA = re.compile(r"[=+@].*")
_DURATION = re.compile(r"P.*T?.*\d+[DHMS]|\d+:\d{2}(?::\d{2})?", re.IGNORECASE)
_UNIT = re.compile(
    r"[\d.,]+ *(?:d|days?|h|hours?|hrs?|m|min|mins|minutes?|s|sec|secs|seconds?)", re.IGNORECASE
)


def check_cells(part: Part, rows: Sequence[ReportRow], role: ProviderRole, findings: Findings) -> None:
    """Check every cell, and note the figures of the rows for further checks."""
    for row in rows:
        filled = False
        for column, text in row.cells.items():
            kind = part.kind(row.row, column)
            if kind not in FIGURES:
                _check_words(row, kind, column, text.strip(), role)
            elif text.strip():
                filled = True
                _check_figure(row, kind, column, text)
            else:
                row.blank.add(column)
        if filled and not row.row.fills(role):
            row.add("not-applicable", f"does not apply to the role {role}, but has figures")
    if CellKind.DESCRIPTION in part.column_kinds:
        _check_descriptions(rows, part.column_kinds.index(CellKind.DESCRIPTION))
    _check_blanks(part, [row for row in rows if row.row.fills(role)], findings)


def _check_figure(row: ReportRow, kind: CellKind, column: int, text: str) -> None:
    if text != text.strip():
        row.add("cell-spacing", f"is {text!r}", column)
    figure = _read_figure(kind, text.strip())
    if isinstance(figure, tuple):
        row.add(*figure, column)
        return
    row.figures[column] = figure
    to_inform = "inform the authority" in row.part.columns[column]
    if kind is CellKind.HOURS and figure > (_UNLIKELY_HOURS_TO_INFORM if to_inform else _UNLIKELY_HOURS):
        otherwise = f"as minutes it would be {figure / 60:.4g} hours, as seconds {figure / 3600:.4g}"
        row.add("hours-unit", f"is {figure:g} hours, which is {figure / 24:,.0f} days; {otherwise}", column)


def _check_words(row: ReportRow, kind: CellKind, column: int, text: str, role: ProviderRole) -> None:
    if text in _PLACEHOLDERS:
        # An unused row of KEYWORD_OTHER may keep the words of the template; it is checked with its figures.
        if kind is not CellKind.DESCRIPTION:
            row.add("placeholder", f"is {text!r}; replace it", column)
    elif kind is CellKind.DATE and text and not is_date(text):
        row.add("date", f"is {text!r}; write it as YYYY-MM-DD", column)
    elif kind is CellKind.FREE_TEXT:
        if len(text) > _LONGEST_TEXT:
            row.add(
                "text-length", f"has {len(text)} characters, {len(text) - _LONGEST_TEXT} too many", column
            )
        if not text and row.row.fills(role):
            row.add("part-unfilled", f"{row.row.label.strip()!r} is blank", column)


def _check_descriptions(rows: Sequence[ReportRow], column: int) -> None:
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        description = row.text(column)
        if row.row.label != OTHER:
            if description:
                row.add(
                    "description-misplaced", f"{row.row.label} has the description {description!r}", column
                )
            continue
        if description in ("", OTHER_PLACEHOLDER):
            if any(row.figures.values()):
                what = "blank" if not description else "still that of the template"
                row.add("other-undescribed", f"is {what}, but the row has figures", column)
            continue
        if plain(description) in _CATCH_ALL:
            row.add("other-catch-all", f"{description!r} describes nothing", column)
        # A row of a Member State has the description of its row in the total.
        before = seen.setdefault((row.row.scope, plain(description)), row.line)
        if before != row.line:
            row.add("other-twice", f"{description!r} is the description in line {before} too", column)


def _check_blanks(part: Part, applying: Sequence[ReportRow], findings: Findings) -> None:
    """Report what should be 0, once per column: a blank column may be meant, a single blank cell not."""
    if part.number in (1, 2, 11) or not applying:
        return
    if not any(row.figures for row in applying):
        if all(row.blank for row in applying):
            findings.add("part-unfilled", "has no figure at all")
        return
    filled = Counter(column for row in applying for column in row.figures)
    for column, kind in enumerate(part.column_kinds):
        blank = [row for row in applying if column in row.blank]
        counted = kind is CellKind.COUNT or part.columns[column] == VALUE
        if counted and blank and (filled[column] or not part.columns[column].startswith(_OPTIONAL)):
            message = f"is blank in {len(blank)} of {len(applying)} rows; write 0 where there was none"
            blank[0].add("blank", message, column)


def _read_figure(kind: CellKind, text: str) -> float | tuple[str, str]:
    """Read a cell that is not blank; if it is no valid figure, give a key of CHECKS and a message."""
    if text.startswith(("<", ">", "≤", "*")):
        return "suppressed", f"is {text[:_LONGEST]!r}; write the exact number"
    value = float(text) if _NUMBER.fullmatch(text) and len(text) <= _LONGEST else None
    if value is None:
        why = _why(kind, text) if len(text) <= _LONGEST else "not a number"
    elif kind is CellKind.COUNT and "." in text:
        why = f"write {value:.0f}, without decimals" if value == int(value) else "not a whole number"
    elif kind is CellKind.SHARE and value > 1:
        remedy = f"; if it is a percentage, write {value / 100:.4g}" if value <= 100 else ""
        why = f"greater than 1{remedy}"
    else:
        return value
    return _CHECK[kind], f"is {text[:_LONGEST]!r}: {why}"


def _why(kind: CellKind, text: str) -> str:
    """Say why a text is no number, and what to write."""
    point = text.replace(",", ".")
    percentage = f"; write {_hundredth(point)}" if kind is CellKind.SHARE else ""
    for pattern, why in (
        (_PERCENTAGE, f"a percentage{percentage}"),
        (_GROUPED, "write numbers without separators of thousands"),
        (_COMMA, f"the decimal separator is a point; write {point}"),
        (_NEGATIVE, "negative"),
        (_FORMULA, "a formula; write its result"),
    ):
        if pattern.fullmatch(text):
            return why
    if kind is CellKind.HOURS and (_DURATION.fullmatch(text) or _UNIT.fullmatch(text)):
        return "give the number of hours alone, such as 13.5"
    return "not a number; write 0 if there was none, or leave the cell blank if there could be none"


def _hundredth(text: str) -> str:
    number = text.removesuffix("%").strip()
    return f"{float(number) / 100:.4g}" if _NUMBER.fullmatch(number) else "a number between 0 and 1"
