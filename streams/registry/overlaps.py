"""Finds two rows of the same duty in force at the same time, usually an old row that was not ended."""

from datetime import date

from streams.registry.reading.document import Document
from streams.registry.shapes.obligation import ObligationRow


def refuse_overlaps(document: Document, rows: list[ObligationRow]) -> None:
    """Raise RegistryError if two rows of a jurisdiction state the same duty for the same day.

    They do if instrument, trigger, action, meaning, required elements, legal bases, demands, urgency and
    reach are equal, they share a category, and both are in force on some day. This happens when a law changes
    and the old row is not ended. If both are intended, one lists the other in `beside`. Rows of different
    instruments are different duties: both are published, and the shorter time counts.
    """
    ids = {row.id for row in rows}
    for index, row in enumerate(rows):
        for position, other in enumerate(row.beside):
            if other not in ids or other == row.id:
                document.refuse(
                    ("obligations", index, "beside", position),
                    f"{other} is not the id of another row in this file",
                )
        for earlier in rows[:index]:
            if row.id in earlier.beside or earlier.id in row.beside or not _overlap(earlier, row):
                continue
            document.refuse(
                ("obligations", index),
                f"{row.id} and {earlier.id} state the same duty and are both in force on "
                f"{max(_begins(row), _begins(earlier))}: end one with in_force_until, or add "
                f"`beside: [{earlier.id}]` if both are intended",
            )


def _overlap(left: ObligationRow, right: ObligationRow) -> bool:
    if left.watched or right.watched or _question(left) != _question(right):
        return False
    categories = left.categories, right.categories
    if "all" not in categories and not {*(left.categories or ())} & {*(right.categories or ())}:
        return False
    return _begins(left) <= (right.in_force_until or date.max) and _begins(right) <= (
        left.in_force_until or date.max
    )


def _begins(row: ObligationRow) -> date:
    return row.in_force_from or date.min


def _question(row: ObligationRow) -> tuple[object, ...]:
    return (
        row.instrument,
        row.trigger,
        row.action,
        row.meaning,
        frozenset(row.required_elements),
        frozenset(row.legal_bases),
        frozenset(row.demands or ()),
        row.emergency,
        row.public_only,
    )
