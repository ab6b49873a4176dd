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

    `cases` are those of the `escalations`. `categories` has the categories of what changed in each case, and
    of each request that can be shown, by which people see them or not; None for what everybody sees.
    `unknown` are categories of escalations and requests that were skipped for them.
    """

    escalations: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    integrity_cases: set[str] = field(default_factory=set)
    categories: dict[str, set[Category | None]] = field(default_factory=dict)
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

    def tell_of_case(self, case_id: str, category: Category) -> None:
        """Note that an escalation of a case changed, for those who see its category."""
        self.cases.add(case_id)
        self.categories.setdefault(case_id, set()).add(category)


def categories_of(reader: sqlite3.Connection, ids: Iterable[str]) -> dict[str, set[Category | None]]:
    """The categories of cases and requests, by id; None is among them for what everybody sees.

    What cannot be shown yet is left out.
    """
    found: dict[str, set[Category | None]] = {}
    for each, category in reader.execute(SQL["categories"], {"ids": as_json(ids)}):
        found.setdefault(each, set()).add(category)
    return found
