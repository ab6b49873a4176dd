"""What is inside a case: its escalations that wait, and what was decided before about the same."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from streams.contract.events.report import Category
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL

MOST_MEMBERS: Final = 100
"""On so many members of a case people act at once: one decision ends so many clocks. More go on waiting."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What a person may see of a case, beside the row that stands for it.

    `members` wait; the first one is that on which the case is decided. `decided` is the row that was decided
    last: of the same case, or else of its channel.
    """

    row: sqlite3.Row
    members: Sequence[sqlite3.Row]
    decided: sqlite3.Row | None

    @property
    def seen(self) -> str:
        """The case and its members with their versions, as forms name what their page showed."""
        return seen(self.members)

    def any(self, column: str) -> bool:
        """Whether the row, or another member, has a value in a column."""
        return any(each[column] for each in (self.row, *self.members))


def seen(members: Sequence[sqlite3.Row]) -> str:
    """A case and its members with their versions, as forms name what their page showed."""
    return " ".join(
        [members[0]["case_id"], *(f"{each['escalation_id']}@{each['version']}" for each in members)]
    )


def decided_before(
    reader: sqlite3.Connection, row: sqlite3.Row, categories: frozenset[Category], most: int
) -> Sequence[sqlite3.Row]:
    """The rows that were decided last and that a person may see, the last one first.

    Those of the same case come before others of its channel.
    """
    values = {
        "case": row["case_id"],
        "channel": row["channel_ref"],
        "categories": as_json(categories),
        "limit": most,
    }
    return reader.execute(SQL["decided_before"], values).fetchall()


def members_of(
    reader: sqlite3.Connection, row: sqlite3.Row, categories: frozenset[Category]
) -> Sequence[sqlite3.Row]:
    """The rows that wait in the case of a row and that a person may see; the row alone if it does not wait.

    The first one is that on which the case is decided: what was proposed comes first, then policies, then
    what is most urgent. No more than MOST_MEMBERS.
    """
    if row["alone"] or not row["waits"]:
        return [row]
    values = {"case": row["case_id"], "categories": as_json(categories), "limit": MOST_MEMBERS}
    # Somebody may have decided all of them since the row was read.
    return reader.execute(SQL["members_of_case"], values).fetchall() or [row]


def inside_of(
    reader: sqlite3.Connection, rows: Sequence[sqlite3.Row], categories: frozenset[Category]
) -> Mapping[str, Inside]:
    """What is inside the cases of rows of the desk, by the ids of the cases."""
    return {
        row["case_id"]: Inside(
            row,
            members_of(reader, row, categories),
            next(iter(decided_before(reader, row, categories, 1)), None),
        )
        for row in rows
        if row["subject"] == "escalation"
    }
