"""Lists the desk: which cases, in which order, a page at a time."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from streams.console.read_model.paging import (
    PAGE_ROWS,
    BadFilter,
    Page,
    equal,
    given_in,
    page_of,
    parameters_of,
    position_in,
    require,
    restrict,
)
from streams.events.report import Category

Listed = Literal["waiting", "snoozed", "decided", "resolved", "all"]
Grouping = Literal["clock", "channel", "category"]

NOBODY: Final = "nobody"
"""The value of the filter `assignee` for cases on which nobody works."""

_ORDER = ("order_due", "order_level", "order_priority", "escalation_id")
_GROUP_COLUMNS: Mapping[Grouping, str] = {"channel": "channel_ref", "category": "category_group"}


class Counted(NamedTuple):
    """How many cases have one value of a column."""

    value: str
    cases: int


class Counts(NamedTuple):
    """How many cases a view has, most first."""

    by_category: Sequence[Counted]
    by_policy: Sequence[Counted]
    total: int


@dataclass(frozen=True, slots=True)
class DeskFilter:
    """What a view of the desk shows. None filters nothing. `level` is the lowest one shown."""

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

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "DeskFilter":
        """The filter that the parameters of an address say. Raises BadFilter."""
        values = given_in(cls, given)
        require(values, "listed", get_args(Listed))
        require(values, "clock", ("running", "overdue", "none"))
        require(values, "integrity", ("suspected",))
        require(values, "escalated", ("yes",))
        require(values, "by", get_args(Grouping))
        level = values.pop("level", None)
        if level is not None and not (level.isdecimal() and len(level) < 3):
            raise BadFilter("level must be a number from 0 to 99")
        return cls(**values, level=None if level is None else int(level))  # type: ignore[arg-type]

    def parameters(self) -> dict[str, str]:
        """The parameters of an address that say this filter, without those that filter nothing."""
        return parameters_of(self, DeskFilter())


def desk_page(
    reader: sqlite3.Connection,
    shown: DeskFilter,
    categories: frozenset[Category],
    now_ms: int,
    after: str | None = None,
) -> Page:
    """A page of the cases that a person may see. Raises BadFilter if `after` is not what an earlier page said."""
    where, values = _conditions(shown, categories, now_ms)
    return page_of(reader, "SELECT * FROM desk_row", where, values, _order(shown), after)


def position_of(row: sqlite3.Row, shown: DeskFilter) -> str:
    """Where a row is in the order of a view, as `after` of `desk_page` takes it. It is a JSON array."""
    return position_in(row, _order(shown))


def desk_row(
    reader: sqlite3.Connection, escalation_id: str, categories: frozenset[Category]
) -> sqlite3.Row | None:
    """The row of a case; None if there is no such case, or the person may not see it."""
    row: sqlite3.Row | None = reader.execute(
        "SELECT * FROM desk_row WHERE escalation_id = ?", (escalation_id,)
    ).fetchone()
    return row if row is not None and row["category"] in categories else None


def desk_rows(
    reader: sqlite3.Connection,
    escalation_ids: Sequence[str],
    shown: DeskFilter,
    categories: frozenset[Category],
    now_ms: int,
) -> Sequence[sqlite3.Row]:
    """The rows of these cases as they are now, with `in_view`: whether the view lists them.

    Cases that a person may not see are left out. Raises BadFilter if there are more than PAGE_ROWS ids.
    """
    if len(escalation_ids) > PAGE_ROWS:
        raise BadFilter(f"ids are at most {PAGE_ROWS}")
    where, values = _conditions(shown, categories, now_ms)
    marks = ", ".join("?" * len(escalation_ids))
    rows = reader.execute(
        f"SELECT *, ({' AND '.join(where)}) AS in_view FROM desk_row WHERE escalation_id IN ({marks})",
        (*values, *escalation_ids),
    )
    return [row for row in rows if row["category"] in categories]


def counts(
    reader: sqlite3.Connection, shown: DeskFilter, categories: frozenset[Category], now_ms: int
) -> Counts:
    """How many cases of a view each category and each policy has. The index `desk_counts` has every column of a filter."""
    where, values = _conditions(shown, categories, now_ms)
    rows = reader.execute(
        f"SELECT category, policy, count(*) FROM desk_row WHERE {' AND '.join(where)} GROUP BY category, policy",
        values,
    )
    by_category: Counter[str] = Counter()
    by_policy: Counter[str] = Counter()
    for category, policy, cases in rows:
        by_category[category] += cases
        by_policy[policy] += cases
    return Counts(_most_first(by_category), _most_first(by_policy), by_category.total())


def _most_first(counter: Counter[str]) -> Sequence[Counted]:
    return [Counted(*each) for each in sorted(counter.items(), key=lambda each: (-each[1], each[0]))]


def _order(shown: DeskFilter) -> Sequence[str]:
    group = _GROUP_COLUMNS.get(shown.by)
    return _ORDER if group is None else (group, *_ORDER)


def _conditions(
    shown: DeskFilter, categories: frozenset[Category], now_ms: int
) -> tuple[list[str], list[str | int]]:
    where, values = _listed(shown.listed, now_ms)
    restrict(where, values, categories)
    columns = {
        "category": shown.category,
        "category_group": shown.group,
        "policy": shown.policy,
        "channel_ref": shown.channel,
    }
    equal(where, values, columns)
    if shown.level is not None:
        where.append("level >= ?")
        values.append(shown.level)
    if shown.country is not None:
        where.append("' ' || jurisdictions || ' ' LIKE ? ESCAPE '\\'")
        values.append(f"% {_literal(shown.country)} %")
    if shown.assignee is not None:
        held = "(assignee IS NOT NULL AND (claimed_until_ms IS NULL OR claimed_until_ms > ?))"
        where.append(f"NOT {held}" if shown.assignee == NOBODY else f"assignee = ? AND {held}")
        values += [now_ms] if shown.assignee == NOBODY else [shown.assignee, now_ms]
    if shown.clock is not None:
        where.append(
            {"running": "due_ms > ?", "overdue": "due_ms <= ?", "none": "due_ms IS NULL"}[shown.clock]
        )
        values += [] if shown.clock == "none" else [now_ms]
    if shown.integrity is not None:
        where.append("integrity != ''")
    if shown.escalated is not None:
        where.append("escalated = 1")
    return where, values


def _listed(listed: Listed, now_ms: int) -> tuple[list[str], list[str | int]]:
    match listed:
        case "waiting":
            return ["waits = 1", "(snoozed_until_ms IS NULL OR snoozed_until_ms <= ?)"], [now_ms]
        case "snoozed":
            return ["waits = 1", "snoozed_until_ms > ?"], [now_ms]
        case "all":
            return ["1 = 1"], []
        case _:
            return ["state = ?"], [listed]


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
