"""What a batch of records changed, so that open pages can be told."""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from streams.contract.events.report import Category
from streams.contract.wire.rejection import require_category
from streams.desk.console.read_model.paging import as_json
from streams.desk.console.read_model.statements import SQL


@dataclass(slots=True)
class Changes:
    """The ids of what changed, by kind. `channels` are those whose clocks changed.

    `categories` has the category of each case and request that can be shown, by which people see them or not;
    None for what everybody sees. `unknown` are categories of cases and requests that were skipped for them.
    """

    cases: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    integrity_cases: set[str] = field(default_factory=set)
    categories: dict[str, Category | None] = field(default_factory=dict)
    known: Collection[Category] | None = None
    unknown: set[Category] = field(default_factory=set)

    def require_known(self, category: Category | None, path: str = "category", *, note: bool = False) -> None:
        """Raise Rejected for a category at `path` that is not in `known`: nobody could be shown what has it.

        None knows any. `note` adds it to `unknown`: of events that only workers write.
        """
        if self.known is not None and category is not None:
            if note and category not in self.known:
                self.unknown.add(category)
            require_category(path, category, self.known)


def categories_of(reader: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Category | None]:
    """The categories of cases and requests, by id; None if one has none.

    What cannot be shown yet is left out.
    """
    return dict(reader.execute(SQL["categories"], {"ids": as_json(ids)}).fetchall())
