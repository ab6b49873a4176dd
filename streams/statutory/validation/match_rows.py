"""Finds the rows of a template in the records of a file."""

from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from streams.statutory.member_states import MEMBER_STATES, OFFICIAL_LANGUAGES, member_state
from streams.statutory.parts import FREE_TEXT_PLACEHOLDER
from streams.statutory.provider import APPLICABILITY, ProviderRole
from streams.statutory.template import FIGURES, OTHER, TOTAL, VALUE, CellKind, Part, Row
from streams.statutory.validation.checks import Findings
from streams.statutory.validation.read_table import Table, plain

# The block of the official template for Member States lacks this row, which the block of the total has. A
# file made from it is right, and so is one that adds the row.
_LACKING_FOR_STATES = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE"

# Codes are long, so one that differs by a few letters is a typing error.
_SIMILAR = 0.85
# Longer than every code and indicator; comparing takes time with the square of the length.
_LONGEST = 250

# More rows than this are counted instead of named.
_NAMED = 4


class ReportRow(msgspec.Struct, frozen=True):
    """A record of a file, and the row of the template that it fills in. Columns are the template's, from 0.

    `figures` are those that can be read, `blank` the cells that could have one; mistakes are in neither.
    """

    part: Part
    row: Row
    line: int
    cells: Mapping[int, str]
    findings: Findings
    figures: dict[int, float] = {}
    blank: set[int] = set()

    def text(self, column: int) -> str:
        """The text of a cell, empty if the file lacks the column."""
        return self.cells.get(column, "").strip()

    def add(self, check: str, message: str, column: int | None = None) -> None:
        """Add a finding about the row, or one of its cells."""
        self.findings.add(check, message, self.line, column)


def match_rows(
    part: Part, table: Table, places: Mapping[int, int], role: ProviderRole, findings: Findings
) -> list[ReportRow]:
    """Give the records that are rows of the template, in the order of the file."""
    matcher = _Matcher(part, findings)
    if not {matcher.label_column, matcher.scope_column} - {None} <= places.keys():
        return []
    matched: list[ReportRow] = []
    for line in table.lines:
        cells = {column: line.cells[place] for column, place in places.items()}
        if not _left_blank(part, cells, role) and (row := matcher.take(line.number, cells)) is not None:
            found = ReportRow(part, row, line.number, cells, findings)
            _compare_texts(found)
            matched.append(found)
    _report_missing(part, matched, role, findings)
    return matched


class _Matcher:
    """Follows the records of a file, as a row is known by those above it."""

    def __init__(self, part: Part, findings: Findings) -> None:
        self._part = part
        self._findings = findings
        self._by_category = 2 <= part.number <= 6
        self._order = {
            (row.category, plain(row.label), plain(row.scope)): (number, row)
            for number, row in enumerate(part.rows)
        }
        self._parents: dict[str, list[str]] = {}
        for row in part.rows:
            self._parents.setdefault(row.label, []).append(row.category)
        self._labels = {plain(row.label): row.label for row in part.rows}
        named = (
            number
            for number, name in enumerate(part.columns)
            if name.startswith(("Category of", "Indicator"))
        )
        self.label_column = next(named)
        self.scope_column = part.columns.index("Scope") if "Scope" in part.columns else None
        self._seen: dict[tuple[str, str, str], int] = {}
        self._line = 0
        # The high-level category and the block of a Member State that the record is below.
        self._above = self._block = ""
        # The furthest row of the template so far. Part 8 abbreviates the rows of languages in an order of its
        # own.
        self._furthest = -1
        self._reported = part.number == 8

    def take(self, line: int, cells: Mapping[int, str]) -> Row | None:
        """Give the row of the template that a record is; None if it is none, or one that was there before."""
        self._line = line
        scope = "" if self.scope_column is None else cells[self.scope_column].strip()
        if scope != self._block and self._part.number == 3:
            self._block, self._above, self._furthest = scope, "", -1
        if not self._is_known_scope(scope):
            return None
        label = self._known_label(cells[self.label_column].strip())
        category = None if label is None else self._category(label)
        if label is None or category is None:
            return None
        self._above = label if label == category else self._above
        found = self._find(category, label, scope)
        if found is None:
            self._add("row-unknown", f"{label!r} has no row for {scope!r} in the template")
            return None
        number, row = found
        before = self._seen.setdefault((scope, category, label), line)
        # Accuracy may have one row per system of content moderation.
        if before != line and not row.label.startswith((OTHER, "Accuracy of")):
            self._add("row-twice", f"{_name(row)} is in line {before} already")
            return None
        # A row below another category was reported, and is no reason to report its neighbours.
        if category == self._above:
            if number < self._furthest and not self._reported:
                self._reported = True
                self._add(
                    "row-order", f"{_name(row)} comes earlier in the template; further rows are not checked"
                )
            self._furthest = max(number, self._furthest)
        return row

    def _add(self, check: str, message: str, column: int | None = None) -> None:
        self._findings.add(check, message, self._line, column)

    def _find(self, category: str, label: str, scope: str) -> tuple[int, Row] | None:
        """Give a row and its place in the template; the rows of Member States have those of the total."""
        if self._part.number == 3 and scope in MEMBER_STATES:
            found = self._order.get((category, plain(label), plain(TOTAL)))
            return found and (found[0], msgspec.structs.replace(found[1], scope=scope))
        return self._order.get((category, plain(label), plain(scope)))

    def _is_known_scope(self, scope: str) -> bool:
        if self.scope_column is None or self._part.number not in (3, 8, 9, 10):
            return True
        if "[" in scope:
            self._add("placeholder", f"{scope!r} stands for rows to be written out", self.scope_column)
            return False
        if self._part.number in (3, 10):
            known, code = scope == TOTAL or scope in MEMBER_STATES, member_state(scope.upper())
            check, what = "member-state", "the code of a Member State"
        else:
            known, code = len(scope) != 2 or scope in OFFICIAL_LANGUAGES, scope.lower()
            code = code if code in OFFICIAL_LANGUAGES else None
            check, what = "language", "an official language of the Union"
        if not known:
            remedy = f"; write {code}" if code else f": it is not {what}"
            self._add(check, f"is {scope!r}{remedy}", self.scope_column)
        return known

    def _known_label(self, label: str) -> str | None:
        known = self._labels.get(plain(label))
        if known is None:
            close = get_close_matches(plain(label[:_LONGEST]), list(self._labels), 1, _SIMILAR)
            if label.startswith("STATEMENT_CATEGORY_") and not close:
                remedy = "; further high-level categories are not allowed"
            else:
                remedy = f"; did you mean {self._labels[close[0]].strip()}?" if close else ""
            self._add("row-unknown", f"{label!r} is no row of the template{remedy}", self.label_column)
        elif self._by_category and known != label:
            self._add("fixed-text", f"is {label!r}; the template has {known}", self.label_column)
        return known

    def _category(self, label: str) -> str | None:
        """The category of a row: empty in parts without, None if it cannot be known."""
        if not self._by_category:
            return ""
        parents = self._parents[label]
        if label in parents or self._above in parents:
            return label if label in parents else self._above
        where = self._above or "no category"
        if label == OTHER:
            self._add("wrong-category", f"{OTHER} stands below {where}, which has no sub-categories")
            return None
        self._add("wrong-category", f"{label} belongs to {parents[0]}, but stands below {where}")
        return parents[0]


def _left_blank(part: Part, cells: Mapping[int, str], role: ProviderRole) -> bool:
    """Whether a record says that it is for other providers, and has no figure: it stays as it is."""
    roles = APPLICABILITY.get(cells.get(0, "").strip())
    return (
        roles is not None
        and role not in roles
        and not any(
            text.strip() not in ("", FREE_TEXT_PLACEHOLDER)
            for column, text in cells.items()
            if part.column_kinds[column] in FIGURES or part.columns[column] == VALUE
        )
    )


def _compare_texts(found: ReportRow) -> None:
    for column, text in found.cells.items():
        if found.part.kind(found.row, column) is CellKind.FIXED and found.part.columns[column] != "Scope":
            wanted = found.row.cells[column]
            # Most are equal as they are.
            if text != wanted and plain(text) != plain(wanted):
                found.add("fixed-text", f"is {text!r}; the template has {wanted.strip()!r}", column)


def _report_missing(part: Part, matched: list[ReportRow], role: ProviderRole, findings: Findings) -> None:
    there = {(each.row.scope, each.row.category, each.row.label) for each in matched}
    blocks = {"": part.rows}
    if part.number == 3:
        states = sorted({each.row.scope for each in matched} & set(MEMBER_STATES))
        blocks |= {state: part.state_rows(state) for state in states}
    for scope, wanted in blocks.items():
        missing = [
            row
            for row in wanted
            if row.fills(role)
            and (row.scope, row.category, row.label) not in there
            and not (scope and row.label == _LACKING_FOR_STATES)
        ]
        if missing:
            named = ", ".join(map(_name, missing[:_NAMED]))
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            block = f" of {scope}" if scope else ""
            findings.add("row-missing", f"lacks {len(missing)} of {len(wanted)} rows{block}: {named}{more}")


def _name(row: Row) -> str:
    label = row.label.strip()
    if row.label == OTHER:
        return f"{OTHER} of {row.category}"
    return label if row.scope in ("", TOTAL) or row.category else f"{label}, {row.scope}"
