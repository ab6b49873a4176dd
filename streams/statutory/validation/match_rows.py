"""Finds the rows of a template in the records of a file."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

import msgspec

from streams.statutory.member_states import MEMBER_STATES, OFFICIAL_LANGUAGES, member_state
from streams.statutory.parts import FREE_TEXT_PLACEHOLDER
from streams.statutory.provider import APPLICABILITY, ProviderRole
from streams.statutory.template import FIGURES, OTHER, TOTAL, VALUE, CellKind, Part, Row
from streams.statutory.validation.findings import Findings, column_name
from streams.statutory.validation.read_table import Line, Table
from streams.statutory.validation.same_text import plain

# The block of the official template for Member States lacks this row, which the block of the total has. A file made
# from it is right, and so is one that adds the row.
_LACKING_FOR_STATES = "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE"

# Codes are long, so one that differs by a few letters is a typing error.
_SIMILAR = 0.85
# Longer than every code and indicator; comparing takes time with the square of the length.
_LONGEST = 250

# More rows than this are counted instead of named.
_NAMED = 4


class MatchedRow(msgspec.Struct, frozen=True):
    """A record of a file and the row of the template that it fills in. `cells` are by column of the template."""

    row: Row
    line: int
    cells: Mapping[int, str]


class _Rows:
    """The rows of a template by what identifies them in a file."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.by_category = 2 <= part.number <= 6
        self._order = {self._key(row, row.scope): (number, row) for number, row in enumerate(part.rows)}
        self.parents: dict[str, list[str]] = {}
        for row in part.rows:
            self.parents.setdefault(row.label, []).append(row.category)
        self.labels = {plain(row.label): row.label for row in part.rows}

    def _key(self, row: Row, scope: str) -> tuple[str, str, str]:
        return (row.category, plain(row.label), plain(scope))

    def find(self, category: str, label: str, scope: str) -> tuple[int, Row] | None:
        """Give a row and its place in the template; the rows of Member States have those of the total."""
        if self.part.number == 3 and scope in MEMBER_STATES:
            found = self._order.get((category, plain(label), plain(TOTAL)))
            return found and (found[0], msgspec.structs.replace(found[1], scope=scope))
        return self._order.get((category, plain(label), plain(scope)))

    @property
    def label_column(self) -> int:
        return next(
            number
            for number, name in enumerate(self.part.columns)
            if name.startswith(("Category of", "Indicator"))
        )

    @property
    def scope_column(self) -> int | None:
        return self.part.columns.index("Scope") if "Scope" in self.part.columns else None


def match_rows(
    part: Part, table: Table, places: Mapping[int, int], role: ProviderRole, findings: Findings
) -> list[MatchedRow]:
    """Give the records that are rows of the template, in the order of the file."""
    rows = _Rows(part)
    if rows.label_column not in places or (rows.scope_column is not None and rows.scope_column not in places):
        return []
    matched: list[MatchedRow] = []
    order = _Order(rows, findings)
    for line in table.lines:
        cells = {column: line.cells[place] for column, place in places.items()}
        if not _left_blank(part, cells, role) and (row := order.take(line, cells)) is not None:
            _compare_texts(part, row, cells, line, findings)
            matched.append(MatchedRow(row, line.number, cells))
    _report_missing(rows, matched, role, findings)
    return matched


class _Order:
    """Follows the records of a file, as a row is known by those above it."""

    def __init__(self, rows: _Rows, findings: Findings) -> None:
        self._rows = rows
        self._findings = findings
        self._seen: dict[tuple[str, str, str], int] = {}
        # The high-level category and the block of a Member State that the record is below.
        self._above = self._block = ""
        # The furthest row of the template so far. Part 8 abbreviates the rows of languages in an order of its own.
        self._furthest = -1
        self._reported = rows.part.number == 8

    def take(self, line: Line, cells: Mapping[int, str]) -> Row | None:
        """Give the row of the template that a record is; None if it is none, or one that was there before."""
        rows, findings = self._rows, self._findings
        scope = "" if rows.scope_column is None else cells[rows.scope_column].strip()
        if scope != self._block and rows.part.number == 3:
            self._block, self._above, self._furthest = scope, "", -1
        if not _known_scope(rows, scope, line, findings):
            return None
        label = _known_label(rows, cells[rows.label_column].strip(), line, findings)
        category = None if label is None else _category(rows, label, self._above, line, findings)
        if label is None or category is None:
            return None
        self._above = label if label == category else self._above
        found = rows.find(category, label, scope)
        if found is None:
            findings.add("row-unknown", f"{label!r} has no row for {scope!r} in the template", line.number)
            return None
        number, row = found
        before = self._seen.setdefault((scope, category, label), line.number)
        if before != line.number and not _may_repeat(row):
            findings.add("row-twice", f"{_name(row)} is in line {before} already", line.number)
            return None
        # A row below another category was reported, and is no reason to report its neighbours.
        if category == self._above:
            self._follow(number, row, line)
        return row

    def _follow(self, number: int, row: Row, line: Line) -> None:
        if number < self._furthest and not self._reported:
            self._reported = True
            message = f"{_name(row)} comes earlier in the template; further rows are not checked"
            self._findings.add("row-order", message, line.number)
        self._furthest = max(number, self._furthest)


def _left_blank(part: Part, cells: Mapping[int, str], role: ProviderRole) -> bool:
    """Whether a record says of itself that it is for other providers, and has no figure: it stays as it is."""
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


def _known_scope(rows: _Rows, scope: str, line: Line, findings: Findings) -> bool:
    column = rows.scope_column
    if column is None or rows.part.number not in (3, 8, 9, 10):
        return True
    where = column_name(rows.part, column)
    if "[" in scope:
        findings.add("placeholder", f"{scope!r} stands for rows to be written out", line.number, where)
        return False
    if rows.part.number in (3, 10):
        if scope == TOTAL or scope in MEMBER_STATES:
            return True
        code = member_state(scope.upper())
        remedy = f"; write {code}" if code else ": it is not the code of a Member State"
        findings.add("member-state", f"is {scope!r}{remedy}", line.number, where)
        return False
    if len(scope) == 2 and scope not in OFFICIAL_LANGUAGES:
        known = scope.lower() in OFFICIAL_LANGUAGES
        remedy = f"; write {scope.lower()}" if known else ": it is not an official language of the Union"
        findings.add("language", f"is {scope!r}{remedy}", line.number, where)
        return False
    return True


def _known_label(rows: _Rows, label: str, line: Line, findings: Findings) -> str | None:
    known = rows.labels.get(plain(label))
    if known is None:
        where = column_name(rows.part, rows.label_column)
        close = get_close_matches(plain(label[:_LONGEST]), list(rows.labels), 1, _SIMILAR)
        if label.startswith("STATEMENT_CATEGORY_") and not close:
            remedy = "; further high-level categories are not allowed"
        else:
            remedy = f"; did you mean {rows.labels[close[0]].strip()}?" if close else ""
        findings.add("row-unknown", f"{label!r} is no row of the template{remedy}", line.number, where)
    elif rows.by_category and known != label:
        where = column_name(rows.part, rows.label_column)
        findings.add("fixed-text", f"is {label!r}; the template has {known}", line.number, where)
    return known


def _category(rows: _Rows, label: str, above: str, line: Line, findings: Findings) -> str | None:
    """The category of a row below the category `above`: empty in parts without, None if it cannot be known."""
    if not rows.by_category:
        return ""
    parents = rows.parents[label]
    if label in parents or above in parents:
        return label if label in parents else above
    where = above or "no category"
    if label == OTHER:
        findings.add(
            "wrong-category", f"{OTHER} stands below {where}, which has no sub-categories", line.number
        )
        return None
    findings.add("wrong-category", f"{label} belongs to {parents[0]}, but stands below {where}", line.number)
    return parents[0]


def _may_repeat(row: Row) -> bool:
    """Accuracy may have one row per system of content moderation."""
    return row.label == OTHER or row.label.startswith("Accuracy of")


def _compare_texts(part: Part, row: Row, cells: Mapping[int, str], line: Line, findings: Findings) -> None:
    for column, text in cells.items():
        if (
            part.kind(row, column) is CellKind.FIXED
            and part.columns[column] != "Scope"
            and plain(text) != plain(row.cells[column])
        ):
            findings.add(
                "fixed-text",
                f"is {text!r}; the template has {row.cells[column].strip()!r}",
                line.number,
                column_name(part, column),
            )


def _report_missing(rows: _Rows, matched: list[MatchedRow], role: ProviderRole, findings: Findings) -> None:
    there = {(each.row.scope, each.row.category, each.row.label) for each in matched}
    states = {each.row.scope for each in matched if each.row.scope in MEMBER_STATES}
    for scope, wanted in _wanted(rows, sorted(states)):
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


def _wanted(rows: _Rows, states: list[str]) -> Iterator[tuple[str, tuple[Row, ...]]]:
    yield "", rows.part.rows
    if rows.part.number == 3:
        for state in states:
            yield state, rows.part.state_rows(state)


def _name(row: Row) -> str:
    label = row.label.strip()
    if row.label == OTHER:
        return f"{OTHER} of {row.category}"
    return label if row.scope in ("", TOTAL) or row.category else f"{label}, {row.scope}"
