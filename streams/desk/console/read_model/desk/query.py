"""Lists the desk: which cases, in which order, a page at a time; counts them, and what waits for a person."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from streams.contract.wire.times import DAY
from streams.desk.console.casework.permissions import Person, may_act_on_request
from streams.desk.console.read_model.clocks import NO_CLOCK
from streams.desk.console.read_model.desk.filter import ORDERS, DeskFilter, conditions_for, position_of
from streams.desk.console.read_model.finding.desk_views import built_in_views
from streams.desk.console.read_model.paging import PAGE_ROWS, BadFilter, Page, as_json, page_where
from streams.desk.console.read_model.statements import SQL, sql_if

# A request stands on the desk for the last day before its nearest clock ends: whoever answers requests looks
# at all of them on their own page, and has a shift left for one that appears here.
_DUE_MS: Final = DAY


class Counted(NamedTuple):
    """How many cases have one value of a column."""

    value: str
    cases: int


class Counts(NamedTuple):
    """How many cases a view has, most first. `total` has its requests of authorities, too."""

    by_category: Sequence[Counted]
    by_policy: Sequence[Counted]
    total: int


class ShownRow(NamedTuple):
    """A row of the desk, and whether a view lists it."""

    row: sqlite3.Row
    in_view: bool


class WorkCount(NamedTuple):
    """How much of one kind waits, and the address of the page that lists it."""

    name: str
    address: str
    waits: int


def desk_page(
    reader: sqlite3.Connection, shown: DeskFilter, person: Person, now_ms: int, after: str | None = None
) -> Page:
    """A page of what a person may see: cases, and requests that are due for who may answer them.

    The row of a case is that of its most urgent member that the view has, of those that the person may see.
    `subject` of a row says what it is. Raises BadFilter if `after` is not what an earlier page said.
    """
    order = ORDERS[shown.by]
    given, values = conditions_for(shown, person, now_ms)
    cases = page_where(reader, "desk", {*given, "leading"}, values, order, after)
    if not shown.shows_requests(person):
        return cases
    given, values = _of_requests(given, values, shown)
    requests = page_where(reader, "desk_requests", given, values, order, after)
    rows = sorted([*cases.rows, *requests.rows], key=lambda row: tuple(row[name] for name in order))
    # Whatever either list leaves out comes after a whole page of it.
    if cases.after is None and requests.after is None and len(rows) <= PAGE_ROWS:
        return Page(rows, None)
    return Page(rows[:PAGE_ROWS], position_of(rows[PAGE_ROWS - 1], shown))


def desk_row(
    reader: sqlite3.Connection, name: str, person: Person, now_ms: int, shown: DeskFilter | None = None
) -> sqlite3.Row | None:
    """The row of the case with this id, or of this escalation; that of a view, if the view has the case.

    None if there is no such case, or the person may not see it.
    """
    joined = reader.execute(SQL["case_of"], (name,)).fetchone()
    ids = [name if joined is None else joined["case_id"]]
    found = desk_rows(reader, ids, shown or DeskFilter(), person, now_ms)
    return next((each.row for each in found if each.row["subject"] == "escalation"), None)


def desk_rows(
    reader: sqlite3.Connection, ids: Sequence[str], shown: DeskFilter, person: Person, now_ms: int
) -> Sequence[ShownRow]:
    """The rows of these cases and requests as they are now, without those that do not concern the person.

    Raises BadFilter if there are more than PAGE_ROWS ids.
    """
    if len(ids) > PAGE_ROWS:
        raise BadFilter(f"ids are at most {PAGE_ROWS}")

    def found(statement: str, given: set[str], values: Mapping[str, Any]) -> dict[str, sqlite3.Row]:
        rows = reader.execute(sql_if(statement, {*given, "ids", "leading"}), {**values, "ids": as_json(ids)})
        return {row["case_id"]: row for row in rows}

    everything = DeskFilter(listed="all")
    rows = found("desk", *conditions_for(everything, person, now_ms))
    given, values = conditions_for(shown, person, now_ms)
    in_view = found("desk", given, values)
    if DeskFilter().shows_requests(person):
        rows |= found("desk_requests", *conditions_for(everything, person, now_ms))
    if shown.shows_requests(person):
        in_view |= found("desk_requests", *_of_requests(given, values, shown))
    # Another member may stand for a case in the view than of all that there are.
    return [ShownRow(row, name in in_view) for name, row in {**rows, **in_view}.items()]


def counts(reader: sqlite3.Connection, shown: DeskFilter, person: Person, now_ms: int) -> Counts:
    """How many cases of a view each category and each policy has.

    A case counts for each category and policy of its members that the view has. The index `desk_counts` has
    every column of a filter.
    """
    given, values = conditions_for(shown, person, now_ms)
    # Cases with one row are counted where they are; of others two rows may be of one case.
    alone: Counter[tuple[str, str]] = Counter()
    joined: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for category, policy, cases, case_id in reader.execute(sql_if("desk", {*given, "counts"}), values):
        if case_id is None:
            alone[category, policy] = cases
        else:
            joined[category, policy].add(case_id)
    requests = _requests_total(reader, shown, person, now_ms)
    return Counts(
        _most_first(alone, joined, lambda pair: pair[0]),
        _most_first(alone, joined, lambda pair: pair[1]),
        alone.total() + len(set[str]().union(*joined.values())) + requests,
    )


def total(reader: sqlite3.Connection, shown: DeskFilter, person: Person, now_ms: int) -> int:
    """How many rows a view has: the `total` of `counts`, for which indexes of few rows are enough."""
    given, values = conditions_for(shown, person, now_ms)
    (cases,) = reader.execute(sql_if("desk", {*given, "total"}), values).fetchone()
    return int(cases) + _requests_total(reader, shown, person, now_ms)


def cases_opened(
    reader: sqlite3.Connection, shown: DeskFilter, person: Person, first_ms: int, end_ms: int
) -> frozenset[str]:
    """The ids of the cases that opened from `first_ms` until before `end_ms` and fit a view.

    They do whatever became of them. Requests are no cases.
    """
    given, values = conditions_for(replace(shown, listed="all"), person, first_ms)
    bound = {**values, "first": first_ms, "end": end_ms}
    return frozenset(case for (case,) in reader.execute(sql_if("desk", {*given, "opened"}), bound))


def policies_with_cases(reader: sqlite3.Connection, person: Person) -> list[str]:
    """The policies, and the duties of clocks, of which a person sees cases."""
    rows = reader.execute(SQL["policies_with_cases"], {"categories": as_json(person.categories)})
    return [policy for (policy,) in rows]


def requests_due(reader: sqlite3.Connection, person: Person, now_ms: int) -> int:
    """How many requests stand on the desk because they are due, for who may answer them; 0 for others."""
    return _requests_total(reader, DeskFilter(), person, now_ms)


def work_counts(reader: sqlite3.Connection, person: Person, now_ms: int) -> Iterator[WorkCount]:
    """What is overdue, to sign, theirs, of children and life, and requests due, as far as a person sees it.

    What is always zero for a person is left out, as it says nothing: who may not act has nothing to sign, and
    who may not answer requests has none that are due.
    """
    for name, shown in built_in_views(reader, person):
        address = f"/desk?{urlencode(shown.parameters())}"
        yield WorkCount(name, address, total(reader, shown, person, now_ms))
    if may_act_on_request(person, "decided", None):
        yield WorkCount("requests due", "/requests", requests_due(reader, person, now_ms))


def _requests_total(reader: sqlite3.Connection, shown: DeskFilter, person: Person, now_ms: int) -> int:
    if not shown.shows_requests(person):
        return 0
    given, values = _of_requests(*conditions_for(shown, person, now_ms), shown)
    (requests,) = reader.execute(sql_if("desk_requests", {*given, "total"}), values).fetchone()
    return int(requests)


def _of_requests(
    given: set[str], values: Mapping[str, Any], shown: DeskFilter
) -> tuple[set[str], dict[str, Any]]:
    """What the statement of requests is given for a view, beside what that of cases is."""
    # What waits for one's signature, or is held by somebody, is shown however long it has time.
    until = NO_CLOCK if shown.to_sign or shown.assignee else values["now"] + _DUE_MS
    return {*given, "waiting"}, {**values, "due_until": until}


def _most_first(
    alone: Mapping[tuple[str, str], int],
    joined: Mapping[tuple[str, str], set[str]],
    part: Callable[[tuple[str, str]], str],
) -> Sequence[Counted]:
    """The cases of each value of a part of the pairs, by which they are given, most first."""
    counted: Counter[str] = Counter()
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for pair, cases in alone.items():
        counted[part(pair)] += cases
    for pair, of_pair in joined.items():
        ids[part(pair)] |= of_pair
    counted.update({value: len(of_value) for value, of_value in ids.items()})
    return [Counted(*each) for each in sorted(counted.items(), key=lambda each: (-each[1], each[0]))]
