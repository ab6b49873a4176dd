"""Which category something has, by which people see it or not."""

import sqlite3
from collections.abc import Iterable

from streams.events.report import Category

# SQLite takes 32,766 values in a statement; short statements are compiled faster.
_AT_ONCE = 500


def categories_of(reader: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Category | None]:
    """The categories of cases and requests, by id; None if one has none. What cannot be shown yet is left out."""
    found: dict[str, Category | None] = {}
    wanted = list(ids)
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        found.update(
            reader.execute(
                f"""
                SELECT escalation_id, category FROM desk_row WHERE escalation_id IN ({marks})
                UNION ALL SELECT request_id, category FROM request_row WHERE request_id IN ({marks})
                """,
                (*some, *some),
            )
        )
    return found
