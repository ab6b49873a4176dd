"""What the order of the desk takes from categories: whether life or a child may be at stake, and severity."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from streams.contract.events.report import Category
from streams.desk.console.read_model.statements import SQL
from streams.registry.category import CategoryRules, DsaCategory

# Categories of a deployment's own belong to an area of the EU's, so they are among these without a setting.
_LIFE: Final[DsaCategory] = "STATEMENT_CATEGORY_SELF_HARM"


class CategoryOrder(NamedTuple):
    """Where cases of a category stand: those with the smaller numbers first.

    `first` is 0 if life or a child may be at stake, else 1. `severity` is in millionths, and negative.
    """

    first: int
    severity: int

    @property
    def columns(self) -> dict[str, int]:
        """What the rows of cases and of requests say of it."""
        return {"order_first": self.first, "order_severity": self.severity}


# More digits than a severity has.
_MILLION: Final = 1_000_000

_UNKNOWN: Final = CategoryOrder(1, 0)


def category_rows(
    categories: Mapping[Category, CategoryRules],
) -> Iterable[tuple[Category, int, int, bool, bool]]:
    """Of each category, sorted: its order, whether it is about the safety of children, and endangers life."""
    for category, rules in sorted(categories.items()):
        first = rules.child_safety or rules.endangers_life or rules.dsa_category == _LIFE
        order = CategoryOrder(int(not first), -round(rules.severity * _MILLION))
        yield category, *order, rules.child_safety, rules.endangers_life


def order_of(connection: sqlite3.Connection, category: Category | None) -> CategoryOrder:
    """The order of a category; after all others for a request without one."""
    row = connection.execute(SQL["category_order"], (category,)).fetchone()
    return _UNKNOWN if row is None else CategoryOrder(*row)
