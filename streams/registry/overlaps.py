"""Two rows that say the same at the same time: one of them was forgotten when the law changed."""

from datetime import date

from streams.registry.document import Document
from streams.registry.shapes_law import ObligationRow


def refuse_overlaps(document: Document, rows: list[ObligationRow]) -> None:
    """Raise RegistryError if two rows of a jurisdiction answer the same question on the same day.

    They do if instrument, trigger, action, meaning, required elements, legal bases, urgency and reach are the same, a
    category is in both, and both are in force on some day. That is what is left behind when the old row of a changed
    law is not ended. Where both are meant, one names the other in `beside`. Rows of different instruments are
    different duties: both stand in the output, and the shorter time counts.
    """
    ids = {row.id for row in rows}
    for index, row in enumerate(rows):
        for position, other in enumerate(row.beside):
            if other not in ids or other == row.id:
                document.refuse(
                    ("obligations", index, "beside", position), f"{other} is no other row of this file"
                )
        for earlier in rows[:index]:
            if row.id in earlier.beside or earlier.id in row.beside or not _overlap(earlier, row):
                continue
            document.refuse(
                ("obligations", index),
                f"{row.id} and {earlier.id} say the same and are both in force on "
                f"{max(row.in_force_from, earlier.in_force_from)}: end one with in_force_until, or say "
                f"`beside: [{earlier.id}]` if both are meant",
            )


def _overlap(left: ObligationRow, right: ObligationRow) -> bool:
    if _question(left) != _question(right):
        return False
    if (
        left.categories != "all"
        and right.categories != "all"
        and not {*left.categories} & {*right.categories}
    ):
        return False
    return left.in_force_from <= (right.in_force_until or date.max) and right.in_force_from <= (
        left.in_force_until or date.max
    )


def _question(row: ObligationRow) -> tuple[object, ...]:
    return (
        row.instrument,
        row.trigger,
        row.action,
        row.meaning,
        frozenset(row.required_elements),
        frozenset(row.legal_bases),
        row.emergency,
        row.public_only,
    )
