"""Checks what stands in each cell, whatever stands in the others."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from streams.statutory.parts import FREE_TEXT_PLACEHOLDER, OTHER_PLACEHOLDER, PERIOD_PLACEHOLDER
from streams.statutory.provider import ProviderRole
from streams.statutory.reporting_period import is_date
from streams.statutory.template import FIGURES, OTHER, VALUE, CellKind, Part
from streams.statutory.validation.figures import Mistake, read_figure
from streams.statutory.validation.findings import Findings, column_name
from streams.statutory.validation.match_rows import MatchedRow
from streams.statutory.validation.same_text import plain

# Annex II, part II, 2, column E.
_LONGEST_TEXT = 5000

_PLACEHOLDERS = frozenset(
    {"Text", FREE_TEXT_PLACEHOLDER, "YYYY-MM-DD", PERIOD_PLACEHOLDER, OTHER_PLACEHOLDER}
)

_CATCH_ALL = frozenset({
    "other", "others", "misc", "misc.", "miscellaneous", "various", "n/a", "na", "none", "-", "everything else",
    "unknown",
})  # fmt: skip

# Restrictions that a service may not be able to impose (Annex II, part I, 1).
_OPTIONAL = ("Visibility", "Monetary", "Provision of", "Account")

# An authority is told of a receipt within hours, and action takes days. A median of more hours than this is likelier one
# of minutes or seconds.
_UNLIKELY_HOURS_TO_INFORM = 24 * 14
_UNLIKELY_HOURS = 24 * 90


class CheckedRow(msgspec.Struct, frozen=True):
    """A row with the figures that could be read, by column of the template; blank cells and mistakes are absent."""

    match: MatchedRow
    figures: Mapping[int, float]
    blank: frozenset[int]


def check_cells(
    part: Part, matched: Iterable[MatchedRow], role: ProviderRole, findings: Findings
) -> list[CheckedRow]:
    """Check every cell, and give the figures for further checks."""
    rows = [_check_row(part, match, role, findings) for match in matched]
    _check_descriptions(part, rows, findings)
    _check_blanks(part, rows, role, findings)
    return rows


def _check_row(part: Part, match: MatchedRow, role: ProviderRole, findings: Findings) -> CheckedRow:
    figures: dict[int, float] = {}
    blank = set()
    filled = False
    for column, text in match.cells.items():
        kind = part.kind(match.row, column)
        where = column_name(part, column)
        if kind not in FIGURES:
            _check_words(kind, match, text.strip(), role, where, findings)
        elif not text.strip():
            blank.add(column)
        else:
            filled = True
            figure = _figure(kind, match, text, where, findings)
            if figure is not None:
                figures[column] = figure
                if kind is CellKind.HOURS:
                    _check_hours(figure, part.columns[column], match, where, findings)
    if filled and not match.row.fills(role):
        findings.add("not-applicable", f"does not apply to the role {role}, but has figures", match.line)
    return CheckedRow(match, figures, frozenset(blank))


def _figure(kind: CellKind, match: MatchedRow, text: str, where: str, findings: Findings) -> float | None:
    if text != text.strip():
        findings.add("cell-spacing", f"is {text!r}", match.line, where)
    figure = read_figure(kind, text.strip())
    if isinstance(figure, Mistake):
        findings.add(figure.check, figure.message, match.line, where)
        return None
    return figure


def _check_words(
    kind: CellKind, match: MatchedRow, text: str, role: ProviderRole, where: str, findings: Findings
) -> None:
    if text in _PLACEHOLDERS:
        # An unused row of KEYWORD_OTHER may keep the words of the template; it is checked with its figures.
        if kind is not CellKind.DESCRIPTION:
            findings.add("placeholder", f"is {text!r}; replace it", match.line, where)
    elif kind is CellKind.DATE and text and not is_date(text):
        findings.add("date", f"is {text!r}; write it as YYYY-MM-DD", match.line, where)
    elif kind is CellKind.FREE_TEXT:
        if len(text) > _LONGEST_TEXT:
            findings.add(
                "text-length",
                f"has {len(text)} characters, {len(text) - _LONGEST_TEXT} too many",
                match.line,
                where,
            )
        if not text and match.row.fills(role):
            findings.add("part-unfilled", f"{match.row.label.strip()!r} is blank", match.line, where)


def _check_hours(hours: float, header: str, match: MatchedRow, where: str, findings: Findings) -> None:
    unlikely = _UNLIKELY_HOURS_TO_INFORM if "inform the authority" in header else _UNLIKELY_HOURS
    if hours > unlikely:
        findings.add(
            "hours-unit",
            f"is {hours:g} hours, which is {hours / 24:,.0f} days; as minutes it would be {hours / 60:.4g} hours, as "
            f"seconds {hours / 3600:.4g}",
            match.line,
            where,
        )


def _check_descriptions(part: Part, rows: list[CheckedRow], findings: Findings) -> None:
    if CellKind.DESCRIPTION not in part.column_kinds:
        return
    column = part.column_kinds.index(CellKind.DESCRIPTION)
    where = column_name(part, column)
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        match = row.match
        description = match.cells.get(column, "").strip()
        if match.row.label != OTHER:
            if description:
                findings.add(
                    "description-misplaced",
                    f"{match.row.label} has the description {description!r}",
                    match.line,
                    where,
                )
            continue
        if description in ("", OTHER_PLACEHOLDER):
            if any(row.figures.values()):
                what = "blank" if not description else "still that of the template"
                findings.add("other-undescribed", f"is {what}, but the row has figures", match.line, where)
            continue
        if plain(description) in _CATCH_ALL:
            findings.add("other-catch-all", f"{description!r} describes nothing", match.line, where)
        # A row of a Member State has the description of its row in the total.
        key = (match.row.scope, plain(description))
        if key in seen:
            findings.add(
                "other-twice",
                f"{description!r} is the description in line {seen[key]} too",
                match.line,
                where,
            )
        seen.setdefault(key, match.line)


def _check_blanks(part: Part, rows: list[CheckedRow], role: ProviderRole, findings: Findings) -> None:
    """Report what should be 0, once per column: a blank column may be meant, a blank cell among figures is not."""
    applying = [row for row in rows if row.match.row.fills(role)]
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
            findings.add(
                "blank",
                f"is blank in {len(blank)} of {len(applying)} rows; write 0 where there was none",
                blank[0].match.line,
                column_name(part, column),
            )
