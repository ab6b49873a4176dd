"""The shape of one part of the transparency report: its columns, its rows, and what may stand in a cell."""

from enum import Enum

import msgspec

from streams.statutory.provider import APPLICABILITY, ProviderRole

OTHER = "KEYWORD_OTHER"
"""The row for a sub-category that the provider names itself; it may be repeated."""

VALUE = "Value"
"""The column of the figures in the parts that have one figure per row (1 and 7 to 11)."""

TOTAL = "TOTAL"

NOT_SPECIFIED_ORDER = "STATEMENT_CATEGORY_NOT_SPECIFIED_ORDER"
"""The category of orders that name none; notices have another one."""


class CellKind(Enum):
    """What a cell holds."""

    FIXED = "the text of the template"
    SERVICE = "the name of the service"
    PERIOD = "the reporting period, YYYY-MM-DD/YYYY-MM-DD"
    DESCRIPTION = 'a description of the sub-category "Other"'
    COUNT = "a whole number"
    HOURS = "a number of hours"
    SHARE = "a share between 0 and 1"
    FULL_TIME = "a number of full-time equivalents"
    DATE = "a date, YYYY-MM-DD"
    TEXT = "text"
    FREE_TEXT = "text of at most 5000 characters"
    CONTEXT = "contextual information, optional"


FIGURES = frozenset({CellKind.COUNT, CellKind.HOURS, CellKind.SHARE, CellKind.FULL_TIME})


class Row(msgspec.Struct, frozen=True):
    """One row of a template.

    `label` is the code of the category or sub-category (parts 2 to 6), or the indicator. `category` is the
    high-level category that a sub-category belongs to, and the code itself for a high-level category; empty
    in parts without categories. `scope` is TOTAL, a Member State, a language or the scope of an indicator;
    empty in parts without one. `cells` are the texts of the template.
    """

    applicability: str
    category: str
    label: str
    scope: str
    cells: tuple[str, ...]

    def fills(self, role: ProviderRole) -> bool:
        """Tell whether a provider of this role has to fill in the row."""
        return role in APPLICABILITY[self.applicability]

    @property
    def is_high_level(self) -> bool:
        """Whether the row is a high-level category or the total, and not a sub-category."""
        return self.label == self.category


class Part(msgspec.Struct, frozen=True):
    """One part of the report.

    `rows` are those that every report has. Where the template abbreviates with [...], they are written out:
    one per official language in parts 8 and 9, one per Member State in part 10. Part 3 has a block per Member
    State *that issued an order* in addition: `state_rows`.
    """

    number: int
    name: str
    columns: tuple[str, ...]
    column_kinds: tuple[CellKind, ...]
    rows: tuple[Row, ...]
    official: bytes

    @property
    def file_name(self) -> str:
        """The name of the file in a published report."""
        return f"{self.name}.csv"

    def kind(self, row: Row, column: int) -> CellKind:
        """Give what the cell of a row holds; `column` counts from 0."""
        if self.columns[column] == VALUE:
            return self._kind_of_value(row)
        return self.column_kinds[column]

    def _kind_of_value(self, row: Row) -> CellKind:
        match self.number:
            case 1:
                return CellKind.DATE if "date" in row.label.lower() else CellKind.TEXT
            case 9:
                return CellKind.FULL_TIME
            case 11:
                return CellKind.FREE_TEXT
        if row.scope == "Median time":
            return CellKind.HOURS
        if row.scope.startswith("Percentage") or row.label.startswith("Accuracy of"):
            return CellKind.SHARE
        return CellKind.COUNT

    def state_rows(self, state: str) -> tuple[Row, ...]:
        """Give the block of a Member State in part 3: the rows of the total, with `state` as their scope.

        The official template's own block lacks KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE, which the block
        of the total has. It is included here: without it, the sub-categories could not add up to their
        category.
        """
        scope = self.columns.index("Scope")
        return tuple(
            msgspec.structs.replace(
                row, scope=state, cells=(*row.cells[:scope], state, *row.cells[scope + 1 :])
            )
            for row in self.rows
        )
