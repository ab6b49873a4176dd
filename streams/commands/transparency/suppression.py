"""Keeps small numbers out of a published table, also from whoever can subtract.

The rule, for the numbers of one table whose total stands beside it:

1. A number below 5 is shown as `<5`.
2. If those could be told from the total (there is one of them, or all must be 1, or all must be 4), they and the
   smallest of the other numbers are shown as `*`: fewer than 5, or withheld for the sake of such a number.
3. If no number is left to show, the table is not given at all.
4. A total below 5 is shown as `<5`.

Then each hidden number has at least two possible values, also for somebody who knows this rule. The numbers under
`<5` add up to neither the least nor the most they can. Those under `*` could be exchanged with one another, and one is
below 5 and another is not. The rule is about one table: two that share a row, or the same one for a longer period, can
be subtracted from each other.
"""

from collections.abc import Mapping
from typing import TypeVar

LEAST = 5
SMALL = f"<{LEAST}"
WITHHELD = "*"

Row = TypeVar("Row")


def shown_total(total: int) -> int | str:
    """The total of a table as it may be shown; nothing at all is no secret."""
    return SMALL if 0 < total < LEAST else total


def shown_rows(counts: Mapping[Row, int]) -> dict[Row, int | str] | None:
    """The rows of a table as they may be shown beside their total, None if none may; `counts` are 1 or more."""
    small = {row for row, count in counts.items() if count < LEAST}
    others = [count for count in counts.values() if count >= LEAST]
    if counts and not others:
        return None
    mark = SMALL
    if small and not _untellable(len(small), sum(counts[row] for row in small)):
        least = min(others)
        small |= {row for row, count in counts.items() if count == least}
        mark = WITHHELD
        if len(small) == len(counts):
            return None
    return {row: mark if row in small else count for row, count in counts.items()}


def _untellable(rows: int, total: int) -> bool:
    """Whether so many numbers of 1 to 4 can make up the total in several ways, for each of them."""
    return rows > 1 and rows < total < (LEAST - 1) * rows
