"""Hides small numbers in a published table, including those that could be found by subtraction.

The rule for the numbers of one table that is published with its total:

1. A number below 5 is shown as `<5`.
2. If those numbers could be calculated from the total (there is only one, or all must be 1, or all must be
   4), they and the smallest of the other numbers are shown as `*`: fewer than 5, or withheld to protect one
   that is.
3. If no number is left to show, the table is left out.
4. A total below 5 is shown as `<5`.

Each hidden number then has at least two possible values, even for a reader who knows this rule. The numbers
shown as `<5` add up to neither their least nor their greatest possible sum. The numbers shown as `*` are
interchangeable, and at least one is below 5 and one is not. The rule protects a single table: tables that
share a row, or the same table for a longer period, can be subtracted from each other.
"""

from collections.abc import Mapping
from typing import TypeVar

LEAST = 5
SMALL = f"<{LEAST}"
WITHHELD = "*"

Row = TypeVar("Row")


def shown_total(total: int) -> int | str:
    """The total of a table as it may be shown; a total of 0 is not hidden."""
    return SMALL if 0 < total < LEAST else total


def shown_rows(counts: Mapping[Row, int]) -> dict[Row, int | str] | None:
    """The rows of a table as they may be shown with their total; None if every row is hidden.

    Every count must be 1 or more.
    """
    small = {row for row, count in counts.items() if count < LEAST}
    others = [count for count in counts.values() if count >= LEAST]
    if counts and not others:
        return None
    mark = SMALL
    if small and not _ambiguous(len(small), sum(counts[row] for row in small)):
        least = min(others)
        small |= {row for row, count in counts.items() if count == least}
        mark = WITHHELD
        if len(small) == len(counts):
            return None
    return {row: mark if row in small else count for row, count in counts.items()}


def _ambiguous(rows: int, total: int) -> bool:
    """Whether each of `rows` numbers from 1 to 4 can have several values, given their sum `total`."""
    return rows > 1 and rows < total < (LEAST - 1) * rows
