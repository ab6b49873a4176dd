"""Lists the desk: which cases, in which order, a page at a time."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from streams.contract.events.report import Category
from streams.desk.console.read_model.paging import (
    PAGE_ROWS,
    BadFilter,
    ListFilter,
    Page,
    as_json,
    conditions,
    page_of,
    position_in,
)
from streams.desk.console.read_model.statements import SQL, sql_if

Listed = Literal["waiting", "snoozed", "decided", "resolved", "all"]
Grouping = Literal["clock", "channel", "category"]

_ORDER = ("order_due", "order_level", "order_priority", "escalation_id")
_ORDERS: Final[Mapping[Grouping, Sequence[str]]] = {
    "clock": _ORDER,
    "channel": ("channel_ref", *_ORDER),
    "category": ("category_group", *_ORDER),
}


class Counted(NamedTuple):
    """How many cases have one value of a column."""

    value: str
    cases: int


class Counts(NamedTuple):
    """How many cases a view has, most first."""

    by_category: Sequence[Counted]
    by_policy: Sequence[Counted]
    total: int


class ShownRow(NamedTuple):
    """A row of the desk, and whether a view lists it."""

    row: sqlite3.Row
    in_view: bool


@dataclass(frozen=True)
class DeskFilter(ListFilter):
    """What a view of the desk shows. `level` is the lowest one shown; `assignee` may be `nobody`."""

    listed: Listed = "waiting"
    category: str | None = None
    group: str | None = None
    policy: str | None = None
    channel: str | None = None
    country: str | None = None
    assignee: str | None = None
    level: int | None = None
    clock: Literal["running", "overdue", "none"] | None = None
    integrity: Literal["suspected"] | None = None
    escalated: Literal["yes"] | None = None
    by: Grouping = "clock"


def desk_page(
    reader: sqlite3.Connection,
    shown: DeskFilter,
    categories: frozenset[Category],
    now_ms: int,
    after: str | None = None,
) -> Page:
    """A page of the cases that a person may see.

    Raises BadFilter if `after` is not what an earlier page said.
    """
    return page_of(reader, "desk", shown, _ORDERS[shown.by], after, categories, now=now_ms)


def position_of(row: sqlite3.Row, shown: DeskFilter) -> str:
    """Where a row is in the order of a view, as `after` of `desk_page` takes it. It is a JSON array."""
    return position_in(row, _ORDERS[shown.by])


def desk_row(
    reader: sqlite3.Connection, escalation_id: str, categories: frozenset[Category]
) -> sqlite3.Row | None:
    """The row of a case; None if there is no such case, or the person may not see it."""
    row: sqlite3.Row | None = reader.execute(SQL["desk_row"], (escalation_id,)).fetchone()
    return row if row is not None and row["category"] in categories else None


def desk_rows(
    reader: sqlite3.Connection,
    escalation_ids: Sequence[str],
    shown: DeskFilter,
    categories: frozenset[Category],
    now_ms: int,
) -> Sequence[ShownRow]:
    """The rows of these cases as they are now, without those that the person may not see.

    Raises BadFilter if there are more than PAGE_ROWS ids.
    """
    if len(escalation_ids) > PAGE_ROWS:
        raise BadFilter(f"ids are at most {PAGE_ROWS}")

    def listed(view: DeskFilter) -> dict[str, sqlite3.Row]:
        given, values = conditions(view, categories)
        bound = {**values, "ids": as_json(escalation_ids), "now": now_ms}
        rows = reader.execute(sql_if("desk", {*given, "ids"}), bound)
        return {row["escalation_id"]: row for row in rows}

    in_view = listed(shown)
    return [ShownRow(row, name in in_view) for name, row in listed(DeskFilter(listed="all")).items()]


def counts(
    reader: sqlite3.Connection, shown: DeskFilter, categories: frozenset[Category], now_ms: int
) -> Counts:
    """How many cases of a view each category and each policy has.

    The index `desk_counts` has every column of a filter.
    """
    given, values = conditions(shown, categories)
    by_category: Counter[str] = Counter()
    by_policy: Counter[str] = Counter()
    for category, policy, cases in reader.execute(
        sql_if("desk", {*given, "counts"}), {**values, "now": now_ms}
    ):
        by_category[category] += cases
        by_policy[policy] += cases
    return Counts(_most_first(by_category), _most_first(by_policy), by_category.total())


def _most_first(counter: Counter[str]) -> Sequence[Counted]:
    return [Counted(*each) for each in sorted(counter.items(), key=lambda each: (-each[1], each[0]))]
