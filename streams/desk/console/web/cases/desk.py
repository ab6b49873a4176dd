"""The desk: a list of cases."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from sqlite3 import Row
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.desk.console.read_model.desk.filter import DeskFilter, position_of
from streams.desk.console.read_model.desk.query import counts, desk_page, desk_row, desk_rows
from streams.desk.console.read_model.members import inside_of
from streams.desk.console.web.cases.chips import chips
from streams.desk.console.web.context import console_of, next_page, note_position, page, person_of
from streams.desk.console.web.finding.named_views import filter_words, named_views
from streams.desk.console.web.finding.shown import shown_in
from streams.desk.console.web.words import clock_word, holder
from streams.desk.text.reason_choice import area_title
from streams.running.wall_clock import clock_ms


class RowGroup(NamedTuple):
    """Rows that stand together under one heading."""

    heading: str
    rows: Sequence[Row]


def desk(request: Request) -> Response:
    """The cases of a view, and requests that are due.

    The view is in the address, so it can be sent to a colleague.
    """
    console, person = console_of(request), person_of(request)
    note_position(request)
    now = clock_ms()
    reader = console.database.reader()
    shown = shown_in(request, request.query_params)
    listed = desk_page(reader, shown, person, now, request.query_params.get("after"))
    context = {
        "shown": shown,
        "place": lambda row: position_of(row, shown),
        "groups": list(_grouped(listed.rows, shown, now)),
        "inside": inside_of(reader, listed.rows, person.categories),
        "more": next_page(shown, listed.after),
        "nav": "desk",
    }
    # The page asks for what follows as its reader scrolls.
    if "after" in request.query_params:
        return page(request, "desk_rows.html", context)
    counted = counts(reader, shown, person, now)
    pressed, named = list(chips(shown, person)), named_views(reader, person)
    views = {
        "chips": pressed,
        "named": named,
        "view": next((each for each in named if each.shown == shown), None),
        "parameters": shown.parameters(),
        "said": filter_words(shown),
    }
    return page(request, "desk.html", {**context, **views, **counted._asdict()})


def rows(request: Request) -> Response:
    """The rows of some cases as they are now: to replace those on an open page, or to count new ones."""
    console, person = console_of(request), person_of(request)
    ids = request.query_params.get("ids", "").split()
    shown = shown_in(request, request.query_params)
    reader = console.database.reader()
    found = desk_rows(reader, ids, shown, person, clock_ms())
    context = {
        "rows": found,
        "place": lambda row: position_of(row, shown),
        "inside": inside_of(reader, [each.row for each in found], person.categories),
    }
    return page(request, "desk_changed.html", context)


def next_case(request: Request) -> Response:
    """Go to the next case of a view on which nobody else works; to the view if there is none."""
    console, person = console_of(request), person_of(request)
    reader, now = console.database.reader(), clock_ms()
    shown = shown_in(request, request.query_params)
    row = desk_row(reader, request.path_params["case"], person, now, shown)
    if row is None:
        raise HTTPException(404, "There is no such case, or it is not yours to see.")
    listed = desk_page(reader, shown, person, now, position_of(row, shown))
    for each in listed.rows:
        if each["subject"] == "escalation" and holder(each, now) in (None, person.ref):
            return RedirectResponse(f"/cases/{each['escalation_id']}", 303)
    return RedirectResponse(f"/desk?{urlencode(shown.parameters())}", 303)


def _grouped(rows: Sequence[Row], shown: DeskFilter, now_ms: int) -> Iterator[RowGroup]:
    def heading(row: Row) -> str:
        if shown.by == "channel":
            return f"Channel {row['channel_ref']}"
        if shown.by == "category":
            return area_title(row["category_group"])
        return clock_word(row["due_ms"], now_ms) if row["order_first"] else "life and children"

    for name, group in groupby(rows, heading):
        yield RowGroup(name, list(group))
